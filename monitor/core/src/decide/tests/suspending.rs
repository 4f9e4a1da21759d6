//! Break-glass and pause: a time in which nothing of a session is stopped.

use super::*;
use crate::sessions::{Suspension, Way};

fn suspend(bench: &mut Bench, way: Way, span: u64) {
    let (since, until) = (BootNanos(bench.now), BootNanos(bench.now + span));
    let suspension = Suspension { way, since, until, who: PERSON, reason: "an outage".into() };
    bench.step(Input::Suspended { session: SESSION, suspension: Box::new(suspension) });
}

const FREEZE: &str = "{id: f, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}";
const KILL: &str = "{id: k, summary: s, on: probe, match: {secret: {class: cloud}}, action: kill}";

#[test]
fn what_waits_goes_on_and_what_would_be_stopped_is_told_and_recorded() {
    let mut bench = Bench::new(&[HOLD, FREEZE, KILL]);
    bench.connect(5, "a.example");
    suspend(&mut bench, Way::BreakGlass, 100);
    let begins = [
        "report suspended break-glass by uid 7",
        "record release by daemon",
        "waited 1 ns",
        "allow flow 5",
        "report flow-released h1 approved",
    ];
    assert_eq!(bench.effects_in_words(), begins);
    bench.connect(6, "b.example");
    let passes = ["judged hold", "record release by daemon", "allow flow 6", "report would-hold hold"];
    assert_eq!(bench.effects_in_words(), passes);
    for (class, rule) in [("ssh", "f"), ("cloud", "k")] {
        bench.act(Subject::Probe(secret(class, false)), Pending::None);
        let words = bench.effects_in_words();
        assert_eq!(words.last(), Some(&format!("report would-freeze {rule}")), "{words:?}");
        assert!(!words.iter().any(|word| word.starts_with("freeze") || word.starts_with("kill")));
    }
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 0, "what a person lets through is no risk");
}

#[test]
fn what_cannot_be_recorded_is_refused_also_then_and_what_waits_waits_on() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.ledger_fails = true;
    suspend(&mut bench, Way::BreakGlass, 100);
    let begins = ["report suspended break-glass by uid 7", "record release by daemon"];
    assert_eq!(bench.effects_in_words(), begins);
    assert_eq!(bench.decider.holds().waiting().count(), 1);
    bench.connect(6, "b.example");
    let words = bench.effects_in_words();
    assert_eq!(words[1..], ["record release by daemon", "refuse flow 6", "report flow-denied deny"]);
}

#[test]
fn it_ends_at_its_deadline_and_what_it_let_through_asks_again() {
    let mut bench = Bench::new(&[HOLD]);
    suspend(&mut bench, Way::BreakGlass, 10);
    bench.now += 20;
    // Before anybody has looked at the deadline, too.
    bench.connect(6, "b.example");
    assert_eq!(bench.effects_in_words()[0..2], ["judged hold", "record hold by r"]);
    bench.step(Input::Tick);
    let ends = [
        "record breakglass by daemon",
        "report resumed break-glass by uid 7",
        "session 1 answers taken back",
        "session 1 asks again",
    ];
    assert_eq!(bench.effects_in_words(), ends);
    bench.step(Input::Tick);
    assert_eq!(bench.effects_in_words(), [""; 0]);
}

#[test]
fn a_frozen_session_is_not_suspended_and_a_persons_freeze_ends_it() {
    let mut bench = Bench::new(&[HOLD]);
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    assert_eq!(bench.decider.may_suspend(SESSION, Way::BreakGlass), Err(NotSuspendable::Frozen));
    suspend(&mut bench, Way::BreakGlass, 100);
    assert_eq!(bench.effects_in_words(), [""; 0]);
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    suspend(&mut bench, Way::BreakGlass, 100);
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    let words = bench.effects_in_words();
    assert_eq!(words[0], "record breakglass by uid 7");
    assert_eq!(words[4], "freeze by uid 7: a person asked");
    assert!(bench.session().is_frozen() && bench.session().suspension().is_none());
}

#[test]
fn a_pause_does_not_shorten_what_an_admin_has_said() {
    let mut bench = Bench::new(&[HOLD]);
    suspend(&mut bench, Way::BreakGlass, 100);
    assert_eq!(bench.decider.may_suspend(SESSION, Way::Pause), Err(NotSuspendable::BrokenGlass));
    assert_eq!(bench.decider.may_suspend(SESSION, Way::BreakGlass), Ok(()), "an admin says it anew");
    assert_eq!(bench.decider.may_suspend(SessionId(9), Way::Pause), Err(NotSuspendable::Over));
}

#[test]
fn a_pause_is_no_way_round_what_a_rule_asks_of_who_approves() {
    let strict =
        "{id: r, summary: s, on: connect, match: {destination: infra}, action: hold, approve: {count: 2}}";
    for (way, held) in [(Way::Pause, true), (Way::BreakGlass, false)] {
        let mut bench = Bench::new(&[strict]);
        bench.connect(5, "a.example");
        suspend(&mut bench, way, 100);
        let allowed = |bench: &Bench, what: &str| bench.effects_in_words().contains(&format!("allow {what}"));
        assert_eq!(allowed(&bench, "flow 5"), !held, "{way:?}: what waited");
        bench.connect(6, "b.example");
        assert_eq!(allowed(&bench, "flow 6"), !held, "{way:?}: what is asked then");
    }
}

#[test]
fn a_metadata_service_is_reached_by_nobodys_word() {
    let rule = "{id: r, summary: s, on: connect, match: {destination: metadata}, action: hold}";
    let mut bench = Bench::new(&[rule]);
    let metadata = Destination { class: DestinationClass::Metadata, ..to("metadata.example") };
    bench.act(Subject::Connect(metadata.clone()), flow(5));
    suspend(&mut bench, Way::BreakGlass, 100);
    assert!(!bench.effects_in_words().contains(&"allow flow 5".to_owned()), "{:?}", bench.effects_in_words());
    bench.act(Subject::Connect(metadata), flow(6));
    assert!(!bench.effects_in_words().contains(&"allow flow 6".to_owned()), "{:?}", bench.effects_in_words());
}

/// Its points would be taken back twice, by the pause and by the approval, and other risk with them.
#[test]
fn what_a_pause_does_not_let_go_on_stays_a_risk_until_somebody_approves() {
    let strict = "{id: r, summary: s, on: connect, match: {destination: infra}, action: hold, risk: 20, approve: {reason: required}}";
    let mut bench = Bench::new(&[strict]);
    suspend(&mut bench, Way::Pause, 1_000_000);
    bench.connect(5, "a.example");
    let now = BootNanos(bench.now);
    assert_eq!(bench.session().memory.risk(now), 20);
}
