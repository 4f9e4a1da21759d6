//! Holds: who waits, who joins, what was granted, and what a person says.

use super::*;
use crate::{
    breaker::risk::HALF_LIFE,
    decide::execs::Arguments,
    holds::{Undecidable, WAITING_MAX},
};

fn approve(bench: &mut Bench, hold: u64, reach: Option<u64>) -> Vec<String> {
    bench.step(Input::Approved(Approval {
        extent: reach.map(Duration::from_secs).map_or(Extent::Once, Extent::lasting),
        ..Approval::of(hold, PERSON)
    }));
    bench.effects_in_words()
}

#[test]
fn a_hold_is_approved_once_and_its_points_are_taken_back() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 20);
    assert_eq!(
        approve(&mut bench, 1, None),
        ["waited 1 ns", "allow flow 5", "report flow-released h1 approved"]
    );
    assert_eq!(bench.session().memory.risk(now), 0);
    assert_eq!(bench.decider.holds().get(1).unwrap().decided_by.as_deref(), Some("uid 7"));
    assert_eq!(approve(&mut bench, 1, None), [""; 0], "it is decided");
    bench.step(Input::Denied(Denial::of(1, PERSON)));
    assert_eq!(bench.effects_in_words(), [""; 0]);
    let already = Objection::Undecidable(Undecidable::Already(HoldState::Approved));
    assert_eq!(bench.decider.may_approve(&yes(1)).unwrap_err(), already);
    assert_eq!(bench.decider.may_approve(&yes(9)).unwrap_err(), Objection::Undecidable(Undecidable::Unknown));
}

#[test]
fn a_grant_lets_the_same_go_on_for_a_while_and_is_recorded_each_time() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    let longest = Duration::from_secs(24 * 3600);
    assert_eq!(
        bench
            .decider
            .may_approve(&Approval { extent: Extent::lasting(longest + Duration::from_secs(1)), ..yes(1) })
            .unwrap_err(),
        Objection::TooLong
    );
    assert!(bench.decider.may_approve(&Approval { extent: Extent::lasting(longest), ..yes(1) }).is_ok());
    approve(&mut bench, 1, Some(60));
    let second = 1_000_000_000;
    bench.now += 59 * second;
    bench.connect(6, "a.example");
    assert_eq!(
        bench.effects_in_words(),
        ["judged hold", "record release by daemon", "allow flow 6", "report flow-released allow"]
    );
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 0, "what a person lets through is no risk");
    bench.connect(7, "b.example");
    assert!(bench.effects_in_words().contains(&"report flow-held hold".to_owned()), "another question");
    bench.now += second;
    bench.connect(8, "a.example");
    assert!(bench.effects_in_words().contains(&"report flow-held hold".to_owned()), "it has ended");
}

#[test]
fn what_cannot_be_recorded_is_not_let_go_on_by_a_grant() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    approve(&mut bench, 1, Some(24 * 3600));
    bench.ledger_fails = true;
    bench.now += HALF_LIFE.as_nanos() as u64; // so that it counts anew
    bench.connect(6, "a.example");
    assert_eq!(
        bench.effects_in_words(),
        ["judged hold", "record release by daemon", "refuse flow 6", "report flow-denied deny"]
    );
    let now = BootNanos(bench.now);
    assert_ne!(bench.session().memory.risk(now), 0, "it was no person's yes");
    bench.ledger_fails = false;
    bench.connect(7, "a.example");
    assert!(bench.effects_in_words().contains(&"allow flow 7".to_owned()), "the grant still stands");
}

#[test]
fn what_a_grant_lets_through_is_no_risk_also_when_it_would_count_anew() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    approve(&mut bench, 1, Some(24 * 3600));
    bench.now += HALF_LIFE.as_nanos() as u64;
    bench.connect(6, "a.example");
    assert_eq!(bench.effects_in_words()[2], "allow flow 6");
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 0);
}

#[test]
fn an_approved_handshake_speaks_for_the_data_that_follows() {
    let mut bench = Bench::new(&[EARLY]);
    let caller =
        HeldCaller { pid: 10, ino: 1, more: 0, dev: 0, subject: monitor_common::policy::SUBJECT_CONNECT };
    bench.act(Subject::Handshake(to("a.example")), Pending::Caller(caller));
    assert_eq!(bench.effects_in_words()[2], "report syscall-held hold");
    approve(&mut bench, 1, None);
    bench.connect(5, "a.example");
    assert_eq!(bench.effects_in_words()[2], "allow flow 5");
}

#[test]
fn the_same_question_is_asked_once_and_all_who_wait_are_answered() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.connect(6, "a.example");
    assert_eq!(bench.effects.len(), 2, "{:?}", bench.effects_in_words());
    assert!(matches!(bench.effects[1], Effect::Save), "a restart must find both");
    let another = process(11, "/bin/q");
    bench.act_of(another, Subject::Connect(to("a.example")), flow(7));
    assert_eq!(bench.effects_in_words(), ["judged hold", "report flow-held hold"], "somebody else is told");
    let unseen = bench.decider.may_approve(&yes(1)).unwrap_err();
    assert!(matches!(&unseen, Objection::Unseen(lines) if lines[0].contains("/bin/q 11")), "{unseen:?}");
    assert_eq!(approve(&mut bench, 1, None), [""; 0], "nobody saw all of them");
    bench.step(Input::Shown { hold: 1 });
    assert_eq!(approve(&mut bench, 1, None)[1..4], ["allow flow 5", "allow flow 6", "allow flow 7"]);
}

#[test]
fn a_hold_takes_in_sixteen_others_and_the_next_asks_for_itself() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(1, "a.example");
    for pid in 11..=26 {
        bench.act_of(process(pid, "/bin/q"), Subject::Connect(to("a.example")), flow(u64::from(pid)));
        assert_eq!(bench.decider.holds().waiting().count(), 1);
    }
    bench.act_of(process(27, "/bin/q"), Subject::Connect(to("a.example")), flow(27));
    assert_eq!(bench.decider.holds().waiting().count(), 2);
}

#[test]
fn where_nobody_is_there_to_answer_silence_is_no_at_once() {
    let mut bench = Bench::new(&[HOLD]);
    bench.session().unattended = Some("a CI job".into());
    bench.connect(5, "a.example");
    assert_eq!(
        bench.effects_in_words(),
        [
            "judged hold",
            "record hold by r",
            "report flow-held hold",
            "account h1",
            "refuse flow 5",
            "record expire by daemon",
            "report hold-expired h1 expired"
        ]
    );
    let hold = bench.decider.holds().get(1).unwrap();
    assert_eq!(hold.decided_by.as_deref(), Some("nobody: a CI job"));
    assert_eq!(hold.then, Action::Deny);
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 0);
    bench.connect(6, "b.example");
    assert!(!bench.session().is_frozen(), "a job that tries again is not frozen");
}

#[test]
fn more_questions_than_a_person_can_answer_freeze_the_tree() {
    let mut bench = Bench::new(&[HOLD]);
    for number in 0..WAITING_MAX as u64 {
        bench.connect(number, &format!("h{number}.example"));
    }
    assert_eq!(bench.decider.holds().waiting().count(), WAITING_MAX);
    bench.connect(99, "more.example");
    assert_eq!(
        bench.effects_in_words(),
        [
            "judged hold",
            "freeze by r: more waits than a person can answer",
            "drop flow 99",
            "report flow-denied freeze"
        ]
    );
    let mut bench = Bench::new(&[EARLY]);
    for number in 0..WAITING_MAX as u64 {
        bench.connect(number, &format!("h{number}.example"));
    }
    bench.act(Subject::Handshake(to("more.example")), caller(6));
    assert_eq!(bench.effects_in_words()[2], "refuse caller 6");
}

#[test]
fn one_request_through_a_relay_is_one_question() {
    let mut bench = Bench::new(&[HOLD]);
    let loopback = {
        let mut address = [0; 16];
        address[10..12].copy_from_slice(&[255, 255]);
        address[12..].copy_from_slice(&[127, 0, 0, 1]);
        address
    };
    let through = |cookie, opener| Pending::Flow {
        flow: HeldFlow {
            cookie,
            generation: 1,
            address: loopback,
            port: 8080,
            opener,
            ..HeldFlow::default()
        },
        unseen: false,
    };
    bench.act(Subject::Connect(to("a.example")), through(5, 10));
    approve(&mut bench, 1, None);
    bench.act_of(process(10, "/bin/p"), Subject::Connect(to("a.example")), flow(6));
    assert_eq!(bench.decider.holds().waiting().count(), 1, "a second request of the same program");
    bench.step(Input::Denied(Denial::of(2, PERSON)));
    // The relay's own connection goes on, through a second proxy as well.
    bench.act_of(process(20, "/bin/relay"), Subject::Connect(to("a.example")), through(7, 20));
    assert_eq!(bench.effects_in_words()[1..3], ["record release by daemon", "allow flow 7"]);
    bench.act_of(process(30, "/bin/agent"), Subject::Connect(to("a.example")), flow(8));
    assert_eq!(bench.effects_in_words()[2], "allow flow 8");
    bench.act_of(process(40, "/bin/late"), Subject::Connect(to("a.example")), flow(9));
    assert!(
        bench.effects_in_words().iter().any(|line| line == "refuse flow 9"),
        "{:?}",
        bench.effects_in_words()
    );
}

#[test]
fn a_relay_is_asked_about_when_something_foreign_was_touched_since() {
    let mut bench = Bench::new(&[HOLD]);
    let mut address = [0; 16];
    address[15] = 1; // ::1
    let flow_through = HeldFlow { cookie: 5, address, port: 8080, ..HeldFlow::default() };
    bench.act(Subject::Connect(to("a.example")), Pending::Flow { flow: flow_through, unseen: false });
    approve(&mut bench, 1, None);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    bench.act_of(process(20, "/bin/relay"), Subject::Connect(to("a.example")), flow(7));
    assert_eq!(bench.effects_in_words()[2], "report flow-held hold");
}

#[test]
fn of_one_exec_a_person_is_asked_once() {
    let mut bench =
        Bench::new(&["{id: r, summary: s, on: exec, match: {process: {executable: rm}}, action: hold}"]);
    let key = monitor_common::policy::AnswerKey::of_exec(SESSION.0, INODE, 10);
    let caller = HeldCaller::of(10, &key);
    let arguments = Arguments { args: vec!["/bin/rm".into(), "10".into()], whole: true };
    bench.decider.execs.asked(key, 10, "/bin/rm", Some(&arguments), BootNanos(1));
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Caller(caller));
    assert_eq!(bench.effects_in_words()[2], "report syscall-held hold");
    assert!(bench.decider.waits(&caller));
    approve(&mut bench, 1, None);
    assert!(!bench.decider.waits(&caller));
    bench.decider.execs.let_through(key, 10, BootNanos(2));
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Caller(caller));
    assert_eq!(bench.effects_in_words(), ["judged hold", "allow caller 10"], "the kernel asks several times");
    let other = HeldCaller { ino: 2, ..caller };
    bench.act_of(process(11, "/bin/rm"), Subject::Exec, Pending::Caller(HeldCaller { pid: 11, ..other }));
    assert_eq!(bench.effects_in_words()[2], "report syscall-held hold");
}

#[test]
fn an_exec_that_was_approved_stays_so_whatever_another_thread_of_it_waits_for() {
    let mut bench = Bench::new(&[
        "{id: r, summary: s, on: exec, match: {process: {executable: rm}}, action: hold}",
        "{id: key, summary: s, on: open, match: {secret: {class: ssh}}, action: hold}",
    ]);
    let key = monitor_common::policy::AnswerKey::of_exec(SESSION.0, INODE, 10);
    let exec = HeldCaller::of(10, &key);
    let arguments = Arguments { args: vec!["/bin/rm".into(), "10".into()], whole: true };
    bench.decider.execs.asked(key, 10, "/bin/rm", Some(&arguments), BootNanos(1));
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Caller(exec));
    approve(&mut bench, 1, None);
    bench.decider.execs.let_through(key, 10, BootNanos(2));
    bench.act(Subject::Open(secret("ssh", false)), caller(10));
    assert_eq!(bench.effects_in_words()[2], "report syscall-held hold");
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Caller(exec));
    assert_eq!(bench.effects_in_words(), ["judged hold", "allow caller 10"]);
}

#[test]
fn a_hold_says_what_it_is_about() {
    let about = |subject: Subject| {
        let rules = [
            "{id: a, summary: s, on: open, match: {secret: {class: ssh}}, action: hold}",
            "{id: c, summary: s, on: delegate, match: {delegate: {service: docker}}, action: hold}",
            "{id: d, summary: s, on: exec, match: {process: {executable: p}}, action: hold}",
        ];
        let mut bench = Bench::new(&rules);
        bench.act(subject, caller(10));
        bench.decider.holds().get(1).unwrap().target()
    };
    assert_eq!(about(Subject::Open(secret("ssh", false))), "open /secret/ssh");
    let (service, how) = ("docker".to_owned(), crate::facts::DelegateHow::Socket);
    let asked = crate::facts::Delegation { service, how, path: "/run/docker.sock".into() };
    assert_eq!(about(Subject::Delegate(asked)), "ask docker (/run/docker.sock)");
    assert_eq!(about(Subject::Exec), "execute /bin/p");
}

#[test]
fn a_hold_gives_its_reasons_and_a_deadline_by_its_rule() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    let hold = bench.decider.holds().get(1).unwrap();
    assert_eq!(
        (hold.rule.as_str(), hold.summary.as_str(), hold.points, hold.then),
        ("r", "why", 20, Action::Freeze)
    );
    assert_eq!(hold.deadline, Some(BootNanos(1 + 600_000_000_000)));
    assert!(!hold.because.is_empty());
    let mut bench =
        Bench::new(&["{id: r, summary: s, on: connect, match: {destination: infra}, action: hold}"]);
    bench.connect(5, "a.example");
    let (hold, rule) =
        (bench.decider.holds().get(1).unwrap(), bench.decider.settings.rules.get("r").unwrap());
    assert_eq!(hold.deadline.is_some(), rule.timeout.is_some());
}

#[test]
fn a_flow_that_waits_asks_again_under_a_newer_generation() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    let again = HeldFlow { cookie: 5, generation: 9, ..HeldFlow::default() };
    assert!(bench.decider.is_asked(&again) && !bench.decider.is_asked(&HeldFlow { cookie: 6, ..again }));
    bench.step(Input::AsksAgain(again));
    assert_eq!(bench.decider.holds().get(1).unwrap().flows[0].generation, 9);
    bench.step(Input::AsksAgain(HeldFlow { generation: 3, ..again }));
    assert_eq!(bench.decider.holds().get(1).unwrap().flows[0].generation, 9);
    bench.step(Input::Reconnected { cookie: 5, let_on: None });
    assert!(!bench.decider.is_asked(&again), "what waited of the connection before is gone");
}

#[test]
fn what_waits_keeps_its_session_asking_whatever_new_rules_say() {
    assert_eq!(
        Bench::new(&[HOLD]).decider.settle_gate(SESSION),
        Some(true),
        "every connection asks under this rule"
    );
    let opens = "{id: r, summary: s, on: open, match: {secret: {class: ssh}}, action: hold}";
    let mut bench = Bench::new(&[opens]);
    assert_eq!(bench.decider.settle_gate(SESSION), Some(false));
    bench.act(Subject::Open(secret("ssh", false)), caller(10));
    assert_eq!(bench.decider.settle_gate(SESSION), Some(true));
    approve(&mut bench, 1, None);
    assert_eq!(bench.decider.settle_gate(SESSION), Some(false));
    bench.session().incomplete = true;
    assert_eq!(bench.decider.settle_gate(SESSION), Some(true));
    assert_eq!(bench.decider.settle_gate(SessionId(9)), None);
}

#[test]
fn the_next_hop_is_made_by_another_process_than_opened_the_one_before() {
    let goes_on = |opener: u32, next: u32| {
        let mut bench = Bench::new(&[HOLD]);
        let mut address = [0; 16];
        address[15] = 1; // ::1
        let flow_through = HeldFlow { cookie: 5, address, port: 8080, opener, ..HeldFlow::default() };
        let pending = Pending::Flow { flow: flow_through, unseen: false };
        bench.act_of(process(10, "/bin/p"), Subject::Connect(to("a.example")), pending);
        approve(&mut bench, 1, None);
        bench.act_of(process(next, "/bin/p"), Subject::Connect(to("a.example")), flow(6));
        bench.effects_in_words().contains(&"allow flow 6".to_owned())
    };
    assert_eq!([goes_on(12, 12), goes_on(12, 10)], [false, true]);
    assert_eq!([goes_on(0, 10), goes_on(0, 12)], [false, true], "who opened it is not known: who asked");
}
