//! What is not known of a session.

use super::*;

const TOUCHED: &str =
    "{id: r, summary: why, on: connect, match: {destination: infra, touched: {foreign: true}}, action: hold}";

fn doubt(bench: &mut Bench, session: SessionId) -> Vec<String> {
    let process = Box::new(process(10, "/bin/p"));
    bench.step(Input::Doubted { session, process, why: "it was not watched" });
    bench.effects_in_words()
}

fn lose(bench: &mut Bench, session: SessionId, records: u64) -> Vec<String> {
    bench.step(Input::Lost { session, records });
    bench.effects_in_words()
}

#[test]
fn what_was_not_watched_makes_connections_ask_and_is_held() {
    let mut bench = Bench::new(&[TOUCHED]);
    bench.connect(5, "a.example");
    assert_eq!(bench.effects_in_words()[1], "report flow-passed allow");
    let reported = ["gate", "session 1 asks again", "report session 1 lacks", "pass on"];
    assert_eq!(doubt(&mut bench, SESSION), reported);
    let named = |effect: &Effect| matches!(effect, Effect::Report(Report::Incomplete { process, why, .. }) if process.pid == 10 && *why == "it was not watched");
    assert!(bench.effects.iter().any(named), "{:?}", bench.effects);
    assert!(bench.session().incomplete);
    bench.connect(6, "a.example");
    assert_eq!(bench.effects_in_words()[2], "report flow-held hold");
    assert_eq!(doubt(&mut bench, SESSION), [""; 0], "it is no news");
    assert_eq!(doubt(&mut bench, SessionId(9)), [""; 0], "it is over");
}

#[test]
fn a_session_whose_connections_ask_already_is_gated_once() {
    let mut bench = Bench::new(&[TOUCHED]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert_eq!(doubt(&mut bench, SESSION), ["session 1 asks again", "report session 1 lacks", "pass on"]);
}

#[test]
fn each_loss_of_records_is_reported_with_how_many_are_lost_by_now() {
    let mut bench = Bench::new(&[TOUCHED]);
    assert_eq!(lose(&mut bench, SESSION, 0), [""; 0]);
    assert_eq!(lose(&mut bench, SESSION, 3), ["report session 1 lost 3", "pass on"]);
    assert_eq!(lose(&mut bench, SESSION, 3), [""; 0], "it is no news");
    assert_eq!(lose(&mut bench, SESSION, 5), ["report session 1 lost 5", "pass on"]);
    assert_eq!(lose(&mut bench, SessionId(9), 1), [""; 0], "it is over");
    bench.connect(6, "a.example");
    assert_eq!(bench.effects_in_words()[2], "report flow-held hold");
}
