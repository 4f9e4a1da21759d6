//! Ends: of connections, of processes, of sessions and of the daemon.

use super::*;

#[test]
fn a_hold_goes_with_the_last_that_waits_under_it() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.connect(6, "a.example");
    bench.step(Input::FlowClosed { cookie: 5 });
    assert_eq!(bench.effects_in_words(), [""; 0]);
    bench.step(Input::FlowClosed { cookie: 6 });
    assert_eq!(bench.effects_in_words(), ["report hold-gone h1 gone"]);
    assert!(matches!(bench.effects.last(), Some(Effect::Save)));
    let mut bench = Bench::new(&[EARLY]);
    bench.act(Subject::Handshake(to("a.example")), caller(6));
    bench.step(Input::CallerEnded { pid: 6 });
    assert_eq!(bench.effects_in_words(), ["report hold-gone h1 gone"]);
}

#[test]
fn a_session_that_is_over_leaves_no_hold_no_grant_and_no_exec() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.step(Input::Approved(Approval {
        extent: Extent::lasting(Duration::from_secs(60)),
        ..Approval::of(1, PERSON)
    }));
    bench.connect(6, "b.example");
    let key = monitor_common::policy::AnswerKey::of_exec(SESSION.0, INODE, 10);
    bench.decider.execs.asked(key, 10, "/bin/rm", None, BootNanos(1));
    bench.decider.execs.let_through(key, 10, BootNanos(1));
    bench.step(Input::Ending(SESSION));
    assert_eq!(bench.effects_in_words(), ["report hold-gone h2 gone"]);
    assert!(bench.decider.execs.forget(10).is_empty());
    bench.act(Subject::Lifecycle(Lifecycle::Ended), Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged allow", "report session-ended allow"]);
    bench.step(Input::Over(SESSION));
    assert!(bench.decider.sessions.is_empty() && bench.decider.holds().grants().all().is_empty());
}

#[test]
fn a_daemon_that_ends_with_its_programs_denies_what_waits() {
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    bench.connect(6, "b.example");
    bench.step(Input::Ends { why: "the daemon ended".into() });
    let of = |flow, hold| {
        [
            format!("refuse flow {flow}"),
            "record deny by daemon".into(),
            format!("report flow-denied h{hold} denied"),
        ]
    };
    assert_eq!(bench.effects_in_words(), [of(5, 1), of(6, 2)].concat());
    assert_eq!(bench.decider.holds().get(1).unwrap().decided_by.as_deref(), Some("the daemon ended"));
}

#[test]
fn whatever_changes_what_must_outlive_the_daemon_is_saved() {
    let saves = |bench: &Bench| bench.effects.iter().any(|effect| matches!(effect, Effect::Save));
    let mut bench = Bench::new(&[HOLD]);
    bench.connect(5, "a.example");
    assert!(saves(&bench), "a hold");
    bench.step(Input::Approved(Approval::of(1, PERSON)));
    assert!(saves(&bench), "an approval");
    bench.connect(6, "a.example");
    bench.step(Input::Denied(Denial::of(2, PERSON)));
    assert!(saves(&bench), "a denial");
    bench.step(Input::FreezeAsked { session: SESSION, who: PERSON });
    assert!(saves(&bench), "a freeze");
    bench.step(Input::Stopped { session: SESSION, outcome: Outcome::default() });
    assert!(saves(&bench), "how it ended");
    bench.step(Input::Thawed { session: SESSION, who: PERSON });
    assert!(saves(&bench), "a thaw");
    let mut bench =
        Bench::new(&["{id: k, summary: s, on: probe, match: {secret: {class: ssh}}, action: kill}"]);
    bench.act(Subject::Probe(secret("ssh", false)), Pending::None);
    assert!(saves(&bench), "a kill");
}
