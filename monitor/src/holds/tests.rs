use super::*;
use crate::facts::{DestinationClass, Transport};

fn destination(name: &str, address: [u8; 4]) -> Object {
    Object::Connection(Destination {
        address: address.into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some(name.into()),
        named_by: None,
        class: DestinationClass::Infra,
        provider: None,
    })
}

fn hold(session: u64, cookie: u64) -> Hold {
    Hold {
        number: 0,
        session,
        agent: "claude-code".into(),
        pid: 7,
        command: "curl".into(),
        object: destination("api.example", [192, 0, 2, 1]),
        rule: "infra".into(),
        summary: String::new(),
        severity: Severity::High,
        because: Vec::new(),
        points: 60,
        flows: vec![HeldFlow { cookie, generation: 1, asked: BootNanos(5) }],
        callers: Vec::new(),
        since: BootNanos(10),
        deadline: Some(BootNanos(100)),
        then: Action::Freeze,
        state: HoldState::Waiting,
        decided_by: None,
    }
}

#[test]
fn connections_to_one_destination_share_a_question() {
    let mut holds = Holds::new(1);
    holds.open(hold(1, 50));
    // Another address of the same name is the same question; another session's is not.
    assert!(holds.same_question(1, "infra", &destination("api.example", [192, 0, 2, 2])).is_some());
    assert!(holds.same_question(2, "infra", &destination("api.example", [192, 0, 2, 1])).is_none());
    assert!(holds.same_question(1, "other", &destination("api.example", [192, 0, 2, 1])).is_none());
}

#[test]
fn a_decision_is_made_once() {
    let mut holds = Holds::new(4);
    assert_eq!(holds.open(hold(1, 50)).id(), "h4");
    let decided = holds.decide(4, HoldState::Approved, Some("uid 0".into())).unwrap();
    assert_eq!(decided.state, HoldState::Approved);
    assert_eq!(holds.decide(4, HoldState::Denied, None), Err(Undecidable::Already(HoldState::Approved)));
    assert_eq!(holds.decide(9, HoldState::Denied, None), Err(Undecidable::Unknown));
}

#[test]
fn silence_runs_out_at_the_deadline_and_not_before() {
    let mut holds = Holds::new(1);
    holds.open(hold(1, 50));
    assert!(holds.expired(BootNanos(99)).is_empty());
    assert_eq!(holds.expired(BootNanos(100)), [1]);
    assert_eq!(holds.next_deadline(), Some(BootNanos(100)));
}

#[test]
fn a_hold_goes_with_its_last_flow() {
    let mut holds = Holds::new(1);
    holds.open(hold(1, 50));
    holds.of_flow_mut(50).unwrap().flows.push(HeldFlow { cookie: 51, generation: 1, asked: BootNanos(6) });
    assert_eq!(holds.flow_closed(50), None);
    assert_eq!(holds.flow_closed(51), Some(1));
    assert_eq!(holds.flow_closed(51), None);
}

#[test]
fn a_grant_reaches_the_same_name_and_session_and_ends() {
    let mut holds = Holds::new(1);
    let approved = holds.open(hold(1, 50)).clone();
    holds.grant(&approved, BootNanos(1_000), "uid 0".into());
    let elsewhere = destination("api.example", [192, 0, 2, 9]);
    assert_eq!(holds.granted(1, &elsewhere, BootNanos(999)), Some("uid 0"));
    assert_eq!(holds.granted(2, &elsewhere, BootNanos(999)), None);
    assert_eq!(holds.granted(1, &destination("other.example", [192, 0, 2, 1]), BootNanos(999)), None);
    assert_eq!(holds.granted(1, &elsewhere, BootNanos(1_000)), None);
}

#[test]
fn ids_are_read_with_and_without_their_letter() {
    assert_eq!(Holds::number("h12"), Some(12));
    assert_eq!(Holds::number("12"), Some(12));
    assert_eq!(Holds::number("x12"), None);
}
