use super::{company::Company, *};
use crate::facts::{Action, Destination, DestinationClass, Severity, Terms, Transport};

pub(super) fn destination(name: &str, address: [u8; 4]) -> Object {
    Object::Connection(Destination {
        address: address.into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some(name.into()),
        named_by: None,
        class: DestinationClass::Infra,
        also: None,
        provider: None,
        anybodys: false,
    })
}

/// A socket that asked to go to the address `[…, to]`.
fn flow(cookie: u64, to: u8) -> HeldFlow {
    let mut address = [0; 16];
    address[15] = to;
    HeldFlow { cookie, generation: 1, asked: BootNanos(5), address, port: 443, gone: false, opener: 0 }
}

pub(super) fn hold(session: u64, cookie: u64) -> Hold {
    Hold {
        number: 0,
        session,
        owner: Some(1000),
        login: None,
        agent: "claude-code".into(),
        pid: 7,
        command: "curl".into(),
        command_sha256: "00".into(),
        object: destination("api.example", [192, 0, 2, 1]),
        rule: "infra".into(),
        summary: String::new(),
        severity: Severity::High,
        because: Vec::new(),
        points: 60,
        flows: vec![flow(cookie, 1)],
        callers: Vec::new(),
        company: Company::default(),
        since: BootNanos(10),
        deadline: Some(BootNanos(100)),
        then: Action::Freeze,
        terms: Terms::default(),
        approvals: Vec::new(),
        state: HoldState::Waiting,
        decided_by: None,
        decided_at: None,
        reason: None,
    }
}

#[test]
fn connections_to_one_destination_share_a_question() {
    let mut holds = Holds::new(1);
    holds.open(hold(1, 50));
    // Another address of the same name is the same question; another session's is not.
    assert!(holds.same_question(1, "infra", &destination("api.example", [192, 0, 2, 2]), "x").is_some());
    assert!(holds.same_question(2, "infra", &destination("api.example", [192, 0, 2, 1]), "x").is_none());
    assert!(holds.same_question(1, "other", &destination("api.example", [192, 0, 2, 1]), "x").is_none());
}

#[test]
fn programs_share_a_question_only_with_their_arguments() {
    let mut holds = Holds::new(1);
    let program = Object::Program("/bin/rm".into());
    holds.open(Hold { object: program.clone(), command_sha256: "aa".into(), ..hold(1, 50) });
    assert!(holds.same_question(1, "infra", &program, "aa").is_some());
    assert!(holds.same_question(1, "infra", &program, "bb").is_none(), "what is shown may be the same");
}

#[test]
fn a_decision_is_made_once() {
    let mut holds = Holds::new(4);
    assert_eq!(holds.open(hold(1, 50)).id(), "h4");
    let decided = holds.decide(4, Ending::new(HoldState::Approved, BootNanos(9)).by("uid 0")).unwrap();
    assert_eq!(decided.state, HoldState::Approved);
    let late = || Ending::new(HoldState::Denied, BootNanos(10));
    assert_eq!(holds.decide(4, late()), Err(Undecidable::Already(HoldState::Approved)));
    assert_eq!(holds.decide(9, late()), Err(Undecidable::Unknown));
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
    let question = destination("api.example", [192, 0, 2, 1]);
    holds.same_question(1, "infra", &question, "x").unwrap().flows.push(flow(51, 1));
    assert!(holds.flow_closed(50).is_empty());
    assert_eq!(holds.flow_closed(51), [1]);
    assert!(holds.flow_closed(51).is_empty());
}

#[test]
fn a_socket_that_goes_elsewhere_asks_another_question_and_closes_both() {
    let mut holds = Holds::new(1);
    holds.open(hold(1, 50));
    assert!(holds.of_flow(&HeldFlow { generation: 2, ..flow(50, 1) }).is_some());
    assert!(holds.of_flow(&flow(50, 2)).is_none(), "another address");
    assert!(holds.of_flow(&HeldFlow { port: 80, ..flow(50, 1) }).is_none(), "another port");
    holds.open(Hold { rule: "other".into(), flows: vec![flow(50, 2)], ..hold(1, 50) });
    holds.reconnected(50);
    assert!(holds.of_flow(&flow(50, 1)).is_none(), "a new connection asks for itself");
    assert_eq!(holds.waiting().count(), 2);
    assert_eq!(holds.flow_closed(50), [1, 2]);
}

#[test]
fn a_process_that_ends_leaves_every_hold_that_it_waits_in() {
    let mut holds = Holds::new(1);
    let caller = |pid, ino| HeldCaller { pid, ino, more: 0, dev: 1, subject: 0 };
    for ino in [1, 2] {
        let about = Object::Secret(format!("/secret/{ino}"));
        holds.open(Hold { object: about, flows: Vec::new(), callers: vec![caller(7, ino)], ..hold(1, 0) });
    }
    holds
        .same_question(1, "infra", &Object::Secret("/secret/2".into()), "x")
        .unwrap()
        .callers
        .push(caller(8, 2));
    assert_eq!(holds.caller_ended(7), [1], "somebody else still waits in the second");
    assert_eq!(holds.caller_ended(8), [2]);
}

#[test]
fn what_an_earlier_version_saved_of_a_flow_goes_nowhere() {
    let saved: HeldFlow = serde_json::from_str(r#"{"cookie":50,"generation":1,"asked":5}"#).unwrap();
    assert_eq!(saved, HeldFlow { address: [0; 16], port: 0, ..flow(50, 1) });
}

#[test]
fn ids_are_read_with_and_without_their_letter() {
    assert_eq!(Holds::number("h12"), Some(12));
    assert_eq!(Holds::number("12"), Some(12));
    assert_eq!(Holds::number("x12"), None);
}
