//! The watch against a server that does what API servers do, on good days and on bad ones.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod api;

use std::{collections::BTreeSet, time::Duration};

use api::{
    running::{PACE, pod, watching},
    server::{Api, Fault},
};
use interlock_core::pods::{Failure, Update};
use interlock_kubernetes::pods::Pace;
use serde_json::json;

#[test]
fn pods_of_the_node_are_listed_and_followed() {
    let api = Api::start();
    pod(&api, 1);
    api.class("sandboxed", "runsc");
    let watch = watching(&api, PACE);
    assert_eq!(watch.listed(), ["p1"]);
    pod(&api, 2);
    assert_eq!(watch.changed(), "p2");
    api.remove("p1");
    watch.next(|update| (*update == Update::Gone("u1".into())).then_some(()));
    let asked = api.requests().join("\n");
    assert!(asked.lines().all(|one| one.contains("fieldSelector=spec.nodeName%3Dworker-1")), "{asked}");
    assert!(asked.contains("allowWatchBookmarks=true"), "{asked}");
}

#[test]
fn what_the_runtime_classes_lead_to_is_told_and_what_is_forbidden_too() {
    let api = Api::start();
    api.class("sandboxed", "runsc");
    let handlers = watching(&api, PACE).next(|update| match update {
        Update::Handlers(handlers) => Some(handlers.clone()),
        _ => None,
    });
    assert_eq!(handlers, [("sandboxed".to_owned(), "runsc".to_owned())].into());
    let api = Api::start();
    api.forbid_classes();
    let watch = watching(&api, PACE);
    let (mut forbidden, mut listed) = (false, false);
    while !(forbidden && listed) {
        let update = watch.next(|update| Some(update.clone()));
        forbidden |= matches!(update, Update::NoHandlers { why: Failure::Forbidden, .. });
        listed |= matches!(update, Update::Listed { .. }); // the pods are watched all the same
    }
}

/// After a bookmark the watch goes on from there, so that what was forgotten before it needs no new list.
#[test]
fn a_bookmark_spares_a_list() {
    let api = Api::start();
    pod(&api, 1);
    let watch = watching(&api, PACE);
    watch.listed();
    for _ in 0..3 {
        api.bookmark();
    }
    let marked = |requests: &[String]| requests.iter().any(|one| one.contains("resourceVersion=104"));
    let is_marked = (0..100).any(|_| {
        api.drop_connections();
        api.within(Duration::from_millis(50), marked)
    });
    assert!(is_marked, "{:?}", api.requests());
    pod(&api, 2);
    assert_eq!(watch.changed(), "p2");
    let lists = api.requests().iter().filter(|one| !one.contains("watch=true")).count();
    assert_eq!(lists, 1, "{:?}", api.requests());
}

#[test]
fn what_is_too_old_is_listed_anew() {
    let api = Api::start();
    pod(&api, 1);
    let watch = watching(&api, PACE);
    watch.listed();
    api.fail(&[Fault::Expired]);
    api.drop_connections();
    assert_eq!(
        watch.failed(),
        Failure::Expired,
        "kube takes a connection that breaks for a watch that is over"
    );
    assert_eq!(watch.listed(), ["p1"]);
    // The same where the request itself is refused.
    api.fail(&[Fault::Status(410)]);
    api.remove("p1");
    api.forget();
    api.drop_connections();
    watch.next(|update| matches!(update, Update::Failed { why: Failure::Expired, .. }).then_some(()));
    assert!(watch.listed().is_empty());
}

#[test]
fn each_fault_has_its_name_and_is_got_over() {
    for (fault, expected) in [
        (Fault::Drop, Failure::Unreachable),
        (Fault::Status(429), Failure::Throttled),
        (Fault::Status(403), Failure::Forbidden),
        (Fault::Status(401), Failure::Forbidden),
        (Fault::Status(500), Failure::Refused),
        (Fault::Malformed, Failure::Malformed),
    ] {
        let api = Api::start();
        pod(&api, 1);
        api.fail(&[fault, fault]);
        let watch = watching(&api, PACE);
        assert_eq!(watch.failed(), expected, "{fault:?}");
        assert_eq!(watch.failed(), expected, "{fault:?}");
        assert_eq!(watch.next(|update| (*update == Update::Answers).then_some(7)), 7);
        assert_eq!(watch.listed(), ["p1"], "{fault:?}");
    }
}

#[test]
fn a_slow_answer_is_waited_for_and_one_that_never_begins_is_not() {
    let api = Api::start();
    pod(&api, 1);
    api.fail(&[Fault::Slow(700)]);
    let watch = watching(&api, PACE);
    assert_eq!(watch.listed(), ["p1"]);
    let api = Api::start();
    pod(&api, 1);
    api.fail(&[Fault::Silent]);
    let watch = watching(&api, Pace { answer: Duration::from_millis(200), ..PACE });
    assert_eq!(watch.failed(), Failure::Unreachable);
    assert_eq!(watch.listed(), ["p1"]);
}

/// kube's watcher asks again without a pause where a watch ends without an error.
#[test]
fn a_server_that_ends_every_watch_at_once_is_not_asked_without_end() {
    let api = Api::start();
    pod(&api, 1);
    api.fail(&[Fault::Slow(0)]);
    api.fail(&[Fault::Empty; 2000]);
    let watch = watching(&api, Pace { requests: 10, span: Duration::from_secs(1), ..PACE });
    watch.listed();
    assert!(api.within(Duration::from_secs(5), |requests| requests.len() > 2), "it is asked again");
    assert!(!api.within(Duration::from_secs(2), |requests| requests.len() > 40), "{}", api.requests().len());
}

#[test]
fn other_annotations_are_kept_once_they_are_asked_for() {
    let api = Api::start();
    api.put(
        "p1",
        "u1",
        &json!({ "annotations": { "interlock.dev/owner": "ann", "a.example/b": "c" } }),
        &json!({}),
    );
    let watch = watching(&api, PACE);
    let annotations = || {
        watch.next(|update| match update {
            Update::Listed { pods, .. } => {
                Some(pods[0].annotations.keys().cloned().collect::<Vec<_>>().join(" "))
            }
            _ => None,
        })
    };
    assert_eq!(annotations(), "interlock.dev/owner");
    watch.keep.send_replace(BTreeSet::from(["a.example/b".to_owned()]));
    assert_eq!(annotations(), "a.example/b");
}
