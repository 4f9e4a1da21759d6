//! The watch against a server that does what API servers do, on good days and on bad ones.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod api;

use std::{collections::BTreeSet, fs, sync::mpsc, thread, time::Duration};

use api::{Api, Fault};
use interlock_core::pods::{Failure, Update};
use interlock_kubernetes::{
    access::Access,
    pods::{Pace, Watch},
};
use serde_json::json;
use tokio::sync::watch;

const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    requests: 1000,
    span: Duration::from_secs(1),
};

/// A watch that runs in a thread, and what it tells.
struct Running {
    told: mpsc::Receiver<Update>,
    keep: watch::Sender<BTreeSet<String>>,
    _dir: tempfile::TempDir,
}

fn watching(api: &Api, pace: Pace) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    api.kubeconfig(&file);
    let (keep, kept) = watch::channel(BTreeSet::from(["interlock.dev/owner".to_owned()]));
    let watch =
        Watch { access: Access { kubeconfig: Some(file) }, node: "worker-1".into(), keep: kept, pace };
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(watch.run(|update| sender.send(update).is_ok()));
    });
    Running { told, keep, _dir: dir }
}

impl Running {
    /// The next update that `wanted` takes; those before it are passed over.
    fn next<T>(&self, wanted: impl Fn(&Update) -> Option<T>) -> T {
        loop {
            let update = self.told.recv_timeout(Duration::from_secs(10)).expect("an update");
            if let Some(found) = wanted(&update) {
                return found;
            }
        }
    }

    fn listed(&self) -> Vec<String> {
        self.next(|update| match update {
            Update::Listed { pods, .. } => Some(pods.iter().map(|seen| seen.pod.name.clone()).collect()),
            _ => None,
        })
    }

    fn changed(&self) -> String {
        self.next(|update| match update {
            Update::Changed(seen) => Some(seen.pod.name.clone()),
            _ => None,
        })
    }

    fn failed(&self) -> Failure {
        self.next(|update| match update {
            Update::Failed { why, .. } => Some(*why),
            _ => None,
        })
    }
}

fn pod(api: &Api, number: usize) {
    api.put(&format!("p{number}"), &format!("u{number}"), &json!({ "labels": { "n": "x" } }), &json!({}));
}

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
    let marked = || api.requests().iter().any(|one| one.contains("resourceVersion=104"));
    let mut rounds = 0;
    while !marked() {
        api.drop_connections();
        thread::sleep(Duration::from_millis(50));
        rounds += 1;
        assert!(rounds < 100, "{:?}", api.requests());
    }
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
    thread::sleep(Duration::from_secs(2));
    let asked = api.requests().len();
    assert!((2..=40).contains(&asked), "{asked} requests in two seconds");
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

/// 250 pods, and a hundred connections that break: nothing grows.
#[test]
fn a_hundred_reconnects_leave_the_memory_as_it_was() {
    let api = Api::start();
    (0..250).for_each(|number| pod(&api, number));
    let watch = watching(&api, PACE);
    assert_eq!(watch.listed().len(), 250);
    let resident = || {
        let text = fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let reconnect = |times: usize| {
        for round in 0..times {
            // Each second time what was seen is too old as well, so that everything is listed anew.
            if round % 2 == 0 {
                api.fail(&[Fault::Expired]);
                api.drop_connections();
                assert_eq!(watch.listed().len(), 250);
            } else {
                let asked = api.requests().len();
                api.drop_connections();
                while api.requests().len() == asked {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    };
    reconnect(20);
    let before = resident();
    reconnect(100);
    let grown = resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more than {before}");
}
