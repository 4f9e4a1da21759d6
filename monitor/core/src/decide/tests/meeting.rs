//! Meetings: what one session has touched counts for those that it has met.

use super::*;

const OTHER: SessionId = SessionId(2);
const TOUCHED: &str =
    "{id: r, summary: why, on: connect, match: {destination: infra, touched: {foreign: true}}, action: hold}";

/// Two sessions of one user.
fn two(rules: &[&str]) -> Bench {
    let mut bench = Bench::new(rules);
    bench.decider.sessions.insert(Session::new(OTHER, "x".into(), "test".into(), BootNanos(0)));
    bench
}

fn other(bench: &mut Bench) -> &mut Session {
    bench.decider.sessions.get_mut(OTHER).unwrap()
}

fn meet(bench: &mut Bench) -> Vec<String> {
    bench.step(Input::Met([SESSION, OTHER].into()));
    bench.effects_in_words()
}

/// What follows where the other one does something.
fn other_acts(bench: &mut Bench, subject: Subject, pending: Pending) -> Vec<String> {
    let (at, process) = (BootNanos(bench.now), process(20, "/bin/q"));
    let act = Act { session: OTHER, process, at, subject, pending, pack_off: None };
    bench.step(Input::Act(Box::new(act)));
    bench.effects_in_words()
}

fn other_connects(bench: &mut Bench) -> Vec<String> {
    other_acts(bench, Subject::Connect(to("a.example")), flow(7))
}

#[test]
fn what_a_session_has_touched_counts_for_those_that_it_has_met() {
    let mut bench = two(&[TOUCHED]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert_eq!(other_connects(&mut bench)[1], "report flow-passed allow");
    let reported = ["gate", "session 2 asks again", "report session 2 shares /secret/ssh"];
    assert_eq!(meet(&mut bench), reported);
    assert_eq!(other_connects(&mut bench)[2], "report flow-held hold");
    assert_eq!(other(&mut bench).touched(), ["A foreign ssh /secret/ssh"]);
    assert_eq!(other(&mut bench).memory.touches()[0].met, Some(SESSION));
    assert_eq!(meet(&mut bench), [""; 0], "it is no news");
    bench.act(Subject::Open(secret("cloud", true)), Pending::None);
    assert_eq!(
        meet(&mut bench),
        ["session 2 asks again", "report session 2 shares /secret/cloud"],
        "its connections ask already"
    );
}

#[test]
fn what_no_rule_asks_for_is_shared_and_gates_nothing() {
    let mut bench = two(&["{id: r, summary: s, on: open, match: {secret: {class: ssh}}, action: alert}"]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert_eq!(meet(&mut bench), ["session 2 asks again", "report session 2 shares /secret/ssh"]);
}

#[test]
fn what_is_a_sessions_own_does_not_count_for_another() {
    let mut bench = two(&[TOUCHED]);
    bench.act(Subject::Open(secret("ssh", false)), Pending::None);
    assert_eq!(meet(&mut bench), [""; 0]);
}

#[test]
fn what_lies_in_its_own_trees_does_not_count_for_a_session() {
    let reported = |place: fn(&mut Session)| {
        let mut bench = two(&[TOUCHED]);
        place(other(&mut bench));
        bench.act(Subject::Open(secret("ssh", true)), Pending::None);
        meet(&mut bench).len()
    };
    assert_eq!(reported(|other| other.workspace = Some("/secret".into())), 0);
    assert_eq!(reported(|other| other.project.push("/secret".into())), 0, "another tree of its project");
    assert_eq!(reported(|other| other.served.push("/secret".into())), 0, "the workspace of a client");
    assert_eq!(reported(|other| other.workspace = Some("/sec".into())), 3);
}

#[test]
fn what_is_unknown_of_a_session_is_unknown_of_those_that_it_has_met() {
    let mut bench = two(&[TOUCHED]);
    bench.session().incomplete = true;
    assert_eq!(meet(&mut bench), ["gate", "session 2 asks again", "report session 2 lacks"]);
    assert!(other(&mut bench).incomplete);
    assert_eq!(other_connects(&mut bench)[2], "report flow-held hold");
    assert_eq!(meet(&mut bench), [""; 0], "it is no news");
    let reads = other_acts(&mut bench, Subject::Open(secret("ssh", true)), Pending::None);
    assert!(!reads.contains(&"gate".to_owned()), "its connections ask already: {reads:?}");
    let mut bench = two(&[TOUCHED]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    bench.session().incomplete = true;
    let reported = [
        "gate",
        "session 2 asks again",
        "report session 2 shares /secret/ssh",
        "session 2 asks again",
        "report session 2 lacks",
    ];
    assert_eq!(meet(&mut bench), reported, "gated once");
}

#[test]
fn a_session_that_is_over_passes_nothing_on() {
    let mut bench = two(&[TOUCHED]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    bench.step(Input::Over(SESSION));
    assert_eq!(meet(&mut bench), [""; 0]);
}

#[test]
fn meetings_reach_from_session_to_session_within_one_user() {
    let mut bench = two(&[TOUCHED]);
    for (number, user) in [(3, 0), (4, 7), (5, 0)] {
        let mut session = Session::new(SessionId(number), "x".into(), "test".into(), BootNanos(0));
        session.user = user;
        bench.decider.sessions.insert(session);
    }
    // 1 – 2 – 3, and by a session of another user 4 – 5; 9 is over.
    let met = |id: SessionId| {
        let met: &[u64] = match id.0 {
            1 => &[2, 4, 9],
            2 => &[1, 3],
            3 => &[2],
            4 => &[1, 5],
            _ => &[],
        };
        met.iter().copied().map(SessionId).collect()
    };
    let reached = |from: &[u64]| {
        let from: Vec<SessionId> = from.iter().copied().map(SessionId).collect();
        bench.decider.reached(&from, &met).into_iter().map(|id| id.0).collect::<Vec<_>>()
    };
    assert_eq!(reached(&[1]), [1, 2, 3]);
    assert_eq!(reached(&[5, 1]), [1, 2, 3, 5], "the kernel has no room left for that meeting");
    assert_eq!(reached(&[1, 4]), [1, 2, 3], "of another user");
    assert_eq!(reached(&[4]), [4]);
    assert_eq!(reached(&[9, 1]), [0; 0], "over: whose it was is not known any more");
}
