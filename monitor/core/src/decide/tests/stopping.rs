//! Freezing, ending and thawing a tree.

use super::*;

#[test]
fn a_second_attempt_after_a_denial_freezes_and_another_trip_after_a_thaw_kills() {
    let mut bench =
        Bench::new(&[HOLD, "{id: f, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}"]);
    bench.connect(5, "a.example");
    bench.step(Input::Denied(Denial::of(1, PERSON)));
    assert_eq!(
        bench.effects_in_words(),
        ["waited 1 ns", "refuse flow 5", "record deny by uid 7", "report flow-denied h1 denied"]
    );
    bench.connect(6, "b.example");
    let why = "freeze by r: a second attempt after a denial or a thaw";
    assert_eq!(bench.effects_in_words(), ["judged hold", why, "refuse flow 6", "report flow-denied freeze"]);
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert_eq!(bench.effects_in_words(), ["thaw, 0 stand on"]);
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    assert_eq!(bench.effects_in_words()[2], "kill by f: s");
    bench.connect(7, "c.example");
    assert!(bench.effects_in_words()[1].starts_with("kill by r"), "{:?}", bench.effects_in_words());
}

#[test]
fn what_was_under_way_when_a_tree_was_frozen_freezes_nothing_again() {
    let rules = ["{id: f, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}", HOLD];
    let mut bench = Bench::new(&rules);
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    assert_eq!(bench.effects_in_words()[2], "freeze by f: s");
    let outcome = Outcome { by_signal: vec![3], ..Outcome::default() };
    bench.now = 1000;
    bench.step(Input::Stopped { session: SESSION, outcome });
    assert_eq!(bench.session().by_signal(), 1);
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged freeze", "report secret-probe freeze"]);
    // Asked before the freeze was over: refused, and nothing more is frozen.
    bench.now = 1000;
    bench.connect(5, "a.example");
    assert_eq!(bench.effects_in_words(), ["judged hold", "refuse flow 5", "report flow-denied freeze"]);
    // After it: somebody of it still acts.
    bench.now = 2000;
    bench.connect(6, "b.example");
    assert!(bench.effects_in_words()[1].starts_with("freeze by r"), "{:?}", bench.effects_in_words());
}

#[test]
fn who_is_answered_before_a_freeze_is_carried_out_does_not_count_as_standing() {
    let mut bench = Bench::new(&[EARLY]);
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    assert!(bench.session().is_frozen() && !bench.session().is_stopped(), "it is to be stopped");
    bench.step(Input::Stopped { session: SESSION, outcome: Outcome::default() });
    assert!(bench.session().is_stopped());
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert!(!bench.session().is_stopped());
}

#[test]
fn a_kill_rule_ends_a_frozen_tree_too() {
    let rules = [
        "{id: f, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}",
        "{id: k, summary: s, on: open, match: {secret: {class: ssh}}, action: kill}",
    ];
    let mut bench = Bench::new(&rules);
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    bench.act(Subject::Open(secret("ssh", false)), Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged kill", "report secret-read kill", "kill by k: s"]);
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    assert_eq!(bench.effects_in_words()[2], "kill by f: s", "nothing revives it");
}

#[test]
fn a_person_freezes_and_thaws_and_whoever_stood_before_stands_on() {
    let mut bench = Bench::new(&[EARLY]);
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert_eq!(bench.effects_in_words(), [""; 0], "it is not frozen");
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    assert_eq!(bench.effects_in_words(), ["freeze by uid 7: a person asked"]);
    let stood = [5, 6].into();
    let outcome = Outcome { stood, terminal: Some(4), ..Outcome::default() };
    bench.step(Input::Stopped { session: SESSION, outcome });
    assert_eq!(bench.session().terminal, Some(4));
    // A held caller of it that is answered meanwhile does not stand by itself any more.
    bench.now -= 1; // under way when the tree was frozen
    bench.act(Subject::Handshake(to("a.example")), caller(6));
    assert_eq!(bench.effects_in_words()[1..], ["refuse caller 6", "report flow-denied freeze"]);
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert_eq!(bench.effects_in_words(), ["thaw, 1 stand on"]);
    assert!(!bench.session().is_frozen());
    bench.connect(7, "b.example");
    assert!(bench.session().is_frozen(), "a thaw leads to probation");
    bench.step(Input::FreezeAsked { session: SessionId(9), who: PERSON });
    assert_eq!(bench.effects_in_words(), [""; 0]);
}

#[test]
fn a_person_ends_a_tree_whether_it_is_frozen_or_not() {
    for is_frozen in [false, true] {
        let mut bench = Bench::new(&[EARLY]);
        if is_frozen {
            bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
        }
        bench.step(Input::KillAsked { session: SESSION, who: PERSON });
        assert_eq!(bench.effects_in_words(), ["kill by uid 7: a person asked"]);
        bench.step(Input::KillAsked { session: SessionId(9), who: PERSON });
        assert_eq!(bench.effects_in_words(), [""; 0], "nobody's session");
    }
}

#[test]
fn who_is_allowed_something_while_its_tree_is_frozen_runs_when_that_is_thawed() {
    let mut bench = Bench::new(&[HOLD]);
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    let outcome = Outcome { stood: [5, 6].into(), ..Outcome::default() };
    bench.step(Input::Stopped { session: SESSION, outcome });
    bench.act(Subject::Exec, caller(6));
    assert_eq!(bench.effects_in_words(), ["judged allow", "allow caller 6"], "no rule holds it");
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert_eq!(bench.effects_in_words(), ["thaw, 1 stand on"]);
}

#[test]
fn a_frozen_session_gets_no_allowance_for_what_a_rule_holds() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.step(Input::Approved(Approval {
        extent: Extent::lasting(Duration::from_secs(60)),
        ..Approval::of(1, PERSON)
    }));
    bench.connect(6, "b.example");
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    assert_eq!(bench.decider.may_approve(&yes(2)).unwrap_err(), Objection::Frozen(SESSION));
    bench.step(Input::Approved(Approval::of(2, PERSON)));
    assert_eq!(bench.effects_in_words(), [""; 0]);
    bench.connect(7, "a.example");
    assert!(bench.effects_in_words().contains(&"refuse flow 7".to_owned()), "{:?}", bench.effects_in_words());
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    bench.connect(8, "a.example");
    let effects = bench.effects_in_words();
    assert_eq!(
        effects[1], "record release by daemon",
        "first, so that what cannot be recorded is not let go on"
    );
    assert_eq!(effects[2], "allow flow 8", "the grant still stands");
}

#[test]
fn silence_does_what_the_rule_says_and_never_means_yes() {
    let played = |then: &str| {
        let rule = format!(
            "{{id: r, summary: s, on: connect, match: {{destination: infra}}, action: hold, timeout: {{after: 10m, then: {then}}}}}"
        );
        let mut bench = Bench::new(&[&rule]);
        bench.connect(5, "a.example");
        bench.now = 600_000_000_000;
        bench.step(Input::Tick);
        assert_eq!(bench.effects_in_words(), [""; 0], "not yet");
        bench.step(Input::Tick);
        let reported = bench.effects_in_words();
        bench.connect(6, "b.example");
        (reported, bench.effects_in_words()[1].clone())
    };
    let rest = ["refuse flow 5", "record expire by daemon", "report hold-expired h1 expired"];
    let second = "freeze by r: a second attempt after a denial or a thaw".to_owned();
    let (reported, next) = played("deny");
    assert_eq!((reported.as_slice(), next), (rest.map(str::to_owned).as_slice(), second));
    let (reported, _) = played("freeze");
    assert_eq!(reported[0], "freeze by r: nobody answered h1 in time");
    assert_eq!(reported[1..], rest);
    let (reported, _) = played("kill");
    assert_eq!(reported[0], "kill by r: nobody answered h1 in time");
}

#[test]
fn a_session_that_a_rule_has_killed_is_asked_about_nothing_any_more() {
    let mut bench =
        Bench::new(&["{id: k, summary: s, on: open, match: {secret: {class: ssh}}, action: kill}", HOLD]);
    bench.act(Subject::Open(secret("ssh", false)), Pending::None);
    bench.connect(5, "a.example");
    assert!(bench.effects_in_words()[1].starts_with("kill by r"), "{:?}", bench.effects_in_words());
}

#[test]
fn what_an_enforcing_daemon_held_freezes_nothing_under_an_observing_one() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    let mut bench = bench.observing();
    bench.now = 700_000_000_000;
    bench.step(Input::Tick);
    let rest = ["refuse flow 5", "record expire by daemon", "report hold-expired h1 expired"];
    assert_eq!(bench.effects_in_words()[0], "report would-freeze r");
    assert_eq!(bench.effects_in_words()[1..], rest);
    assert!(!bench.session().is_frozen());
}
