//! Conditions about the pod that a session began in.

use std::sync::Arc;

use super::{destination, fact, parse_text, second, set};
use crate::{
    facts::{Action, DestinationClass, Fact, InPod, Pod, Subject},
    rules::Memory,
};

fn of(pod: InPod) -> Fact {
    Fact { pod, ..fact(second(1), Subject::Connect(destination(DestinationClass::Infra, None))) }
}

fn known(namespace: &str, labels: &[(&str, &str)], account: Option<&str>) -> InPod {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let service_account = account.map(str::to_owned);
    InPod::Known(Arc::new(Pod { namespace: namespace.into(), labels, service_account, ..Pod::default() }))
}

fn decided(pod: &str, action: &str, fact: &Fact) -> bool {
    let rule = format!("{{id: a, summary: s, on: connect, match: {{pod: {pod}}}, action: {action}}}");
    !set(&[&rule]).evaluate(fact, &mut Memory::new()).matches.is_empty()
}

#[test]
fn a_pod_is_told_by_its_namespace_its_labels_and_its_service_account() {
    let pod = of(known("dev-ann", &[("app", "web"), ("tier", "a")], Some("builder")));
    for (wanted, met) in [
        ("any", true),
        ("{namespace: dev-*}", true),
        ("{namespace: [prod, dev-ann]}", true),
        ("{namespace: prod}", false),
        ("{labels: 'app=web,tier in (a, b)'}", true),
        ("{labels: '!app'}", false),
        ("{service_account: builder}", true),
        ("{service_account: [default]}", false),
        ("{namespace: dev-*, labels: app=db}", false),
    ] {
        assert_eq!(decided(wanted, "alert", &pod), met, "{wanted}");
    }
    assert!(
        decided("{service_account: default}", "alert", &of(known("x", &[], None))),
        "the cluster's default"
    );
}

#[test]
fn outside_of_a_pod_nothing_of_it_is_met() {
    for wanted in ["any", "{namespace: '*'}", "{labels: '!app'}"] {
        assert!(!decided(wanted, "deny", &of(InPod::Outside)), "{wanted}");
    }
}

#[test]
fn of_a_pod_that_is_not_known_a_rule_is_met_and_an_exception_is_not() {
    assert!(decided("{namespace: prod}", "deny", &of(InPod::Unknown)));
    assert!(!decided("{namespace: prod}", "allow", &of(InPod::Unknown)));
    let rule = "{id: a, summary: s, on: connect, match: {destination: infra}, except: [{pod: {namespace: dev}}], action: deny}";
    let verdict = set(&[rule]).evaluate(&of(InPod::Unknown), &mut Memory::new());
    assert_eq!(verdict.action, Action::Deny);
}

#[test]
fn the_kernel_decides_no_rule_about_pods_by_itself() {
    let rule = "{id: a, summary: s, on: connect, match: {destination: metadata, pod: any}, action: deny}";
    let rules = set(&[rule]);
    assert!(rules.kernel_policy(false).connect.iter().all(|verdict| *verdict == 0) && rules.always_gated());
}

#[test]
fn a_mistake_is_told_at_its_place() {
    let text = "version: 1\nrules:\n  - {id: a, summary: s, on: connect, match: {pod: {labels: 'a in (b', account: x}}, action: alert}\n  - {id: b, summary: s, on: connect, match: {pod: {}}, action: alert}\n";
    let problems = parse_text(text).unwrap_err();
    let told: Vec<String> = problems.0.iter().map(|problem| problem.headline()).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    test.yaml:3:60: rules[0].match.pod.labels: "a in (b" lacks its closing bracket; expected a label selector, as "app=web,tier in (a, b),!legacy"
    test.yaml:3:71: rules[0].match.pod.account: there is no such field; expected namespace, labels, service_account
    test.yaml:4:51: rules[1].match.pod: found an empty mapping; expected at least one field
    "#);
}
