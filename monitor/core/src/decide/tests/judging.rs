//! What is done about an act, by the action of its rule and by what waits for it.

use super::*;

const EVERYTHING: [&str; 6] = [
    "{id: allow, summary: s, on: probe, match: {secret: {class: none-such}}, action: alert}",
    "{id: alert, summary: s, on: connect, match: {destination: {host: alert.example}}, action: alert}",
    "{id: hold, summary: s, on: connect, match: {destination: {host: hold.example}}, action: hold}",
    "{id: deny, summary: s, on: connect, match: {destination: {host: deny.example}}, action: deny}",
    "{id: freeze, summary: s, on: connect, match: {destination: {host: freeze.example}}, action: freeze}",
    "{id: kill, summary: s, on: connect, match: {destination: {host: kill.example}}, action: kill}",
];

#[test]
fn a_flow_is_answered_by_its_rules_action() {
    let played = |host: &str| {
        let mut bench = Bench::new(&EVERYTHING);
        bench.connect(5, host);
        bench.effects_in_words()
    };
    assert_eq!(played("x.example"), ["judged allow", "report flow-passed allow", "allow flow 5"]);
    assert_eq!(played("alert.example"), ["judged alert", "report connect alert", "allow flow 5"]);
    assert_eq!(
        played("hold.example"),
        ["judged hold", "record hold by hold", "report flow-held hold", "account h1"]
    );
    assert_eq!(played("deny.example"), ["judged deny", "refuse flow 5", "report flow-denied deny"]);
    assert_eq!(
        played("freeze.example"),
        ["judged freeze", "freeze by freeze: s", "refuse flow 5", "report flow-denied freeze"]
    );
    assert_eq!(
        played("kill.example"),
        ["judged kill", "kill by kill: s", "refuse flow 5", "report flow-denied kill"]
    );
}

#[test]
fn a_caller_is_answered_by_its_rules_action() {
    let early = EVERYTHING.map(|rule| {
        let stops = ["hold", "deny", "freeze", "kill"]
            .iter()
            .any(|word| rule.ends_with(&format!("action: {word}}}")));
        if stops { rule.replace("on: connect", "on: connect, before: handshake") } else { rule.to_owned() }
    });
    let played = |host: &str| {
        let mut bench = Bench::new(&early.each_ref().map(String::as_str));
        bench.act(Subject::Handshake(to(host)), caller(6));
        bench.effects_in_words()
    };
    assert_eq!(played("x.example"), ["judged allow", "allow caller 6"]);
    assert_eq!(played("deny.example"), ["judged deny", "report syscall-denied deny", "refuse caller 6"]);
    assert_eq!(
        played("freeze.example"),
        ["judged freeze", "freeze by freeze: s", "report syscall-denied freeze", "refuse caller 6"]
    );
}

#[test]
fn what_has_happened_is_told_and_a_hold_or_a_denial_is_an_alert_then() {
    let played = |host: &str| {
        let mut bench = Bench::new(&EVERYTHING);
        bench.act(Subject::Connect(to(host)), Pending::None);
        bench.effects_in_words()
    };
    assert_eq!(played("x.example"), ["judged allow", "report connect allow"]);
    assert_eq!(played("hold.example"), ["judged hold", "report connect alert"]);
    assert_eq!(played("deny.example"), ["judged deny", "report connect alert"]);
    assert_eq!(played("freeze.example"), ["judged freeze", "report connect freeze", "freeze by freeze: s"]);
    let mut bench = Bench::new(&EVERYTHING);
    bench.act(Subject::Exec, Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged allow"], "execs are too many to be told");
    let mut datagram = to("x.example");
    datagram.transport = Transport::Udp;
    bench.act(Subject::Connect(datagram), Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged allow"]);
}

#[test]
fn every_kind_of_act_has_an_event_of_its_own_name() {
    let names = [
        (Subject::Open(secret("ssh", false)), "secret-read"),
        (Subject::Probe(secret("ssh", false)), "secret-probe"),
        (Subject::Handshake(to("x")), "connect"),
        (Subject::Lifecycle(Lifecycle::Started), "session-started"),
        (Subject::Lifecycle(Lifecycle::Ended), "session-ended"),
    ];
    for (subject, name) in names {
        let mut bench = Bench::new(&EVERYTHING);
        bench.act(subject, Pending::None);
        assert_eq!(bench.effects_in_words()[1], format!("report {name} allow"));
    }
    assert_eq!(event_name(&Subject::Exec), "exec");
    let how = crate::facts::EnvironHow::Exec;
    assert_eq!(
        event_name(&Subject::Environ(crate::facts::EnvironAccess { target: 1, own: true, how })),
        "environment-read"
    );
    let how = crate::facts::InspectHow::Ptrace;
    assert_eq!(
        event_name(&Subject::Inspect(crate::facts::Inspection { target: 1, own: true, how })),
        "inspect"
    );
    let (service, how) = ("docker".to_owned(), crate::facts::DelegateHow::Socket);
    let asked = crate::facts::Delegation { service, how, path: "/x".into() };
    assert_eq!(event_name(&Subject::Delegate(asked)), "delegate");
    let relink = crate::facts::Relink { secret: secret("ssh", false), how: crate::facts::LinkHow::Link };
    assert_eq!(event_name(&Subject::Link(relink)), "secret-link");
}

#[test]
fn what_the_kernel_refused_is_told_as_that() {
    let mut bench = Bench::new(&EVERYTHING);
    let refused = |observed| Pending::Refused { observed };
    bench.act(Subject::Connect(to("x")), refused(false));
    assert_eq!(bench.effects_in_words(), ["judged allow", "report connect-refused deny"]);
    bench.act(Subject::Open(secret("ssh", false)), refused(false));
    assert_eq!(bench.effects_in_words(), ["judged allow", "report syscall-denied deny"]);
    bench.act(Subject::Connect(to("x")), refused(true));
    assert_eq!(bench.effects_in_words(), ["judged allow", "report would-refuse deny"]);
}

#[test]
fn observe_mode_stops_nothing_and_tells_what_would_be_done() {
    let played = |host: &str, pending: Pending| {
        let mut bench = Bench::new(&EVERYTHING).observing();
        bench.act(Subject::Connect(to(host)), pending);
        assert!(!bench.session().is_frozen());
        bench.effects_in_words()
    };
    assert_eq!(played("hold.example", flow(5)), ["judged hold", "report would-hold hold", "allow flow 5"]);
    assert_eq!(
        played("deny.example", caller(6)),
        ["judged deny", "report would-deny deny", "allow caller 6"]
    );
    assert_eq!(
        played("freeze.example", flow(5)),
        ["judged freeze", "report would-freeze freeze", "report would-freeze freeze", "allow flow 5"]
    );
    assert_eq!(
        played("kill.example", flow(5)),
        ["judged kill", "report would-freeze kill", "report would-kill kill", "allow flow 5"]
    );
}

#[test]
fn a_guess_is_reset_whatever_would_be_held_or_denied() {
    let played = |host: &str| {
        let mut bench = Bench::new(&EVERYTHING);
        let Pending::Flow { flow, .. } = flow(5) else { panic!("a flow") };
        bench.act(Subject::Connect(to(host)), Pending::Flow { flow, unseen: true });
        bench.effects_in_words()
    };
    assert_eq!(played("hold.example"), ["judged hold", "refuse flow 5", "report flow-reset alert"]);
    assert_eq!(played("deny.example"), ["judged deny", "refuse flow 5", "report flow-reset alert"]);
    assert_eq!(played("x.example"), ["judged allow", "report flow-passed allow", "allow flow 5"]);
    assert!(played("freeze.example").contains(&"report flow-denied freeze".to_owned()));
}

#[test]
fn a_spent_budget_trips_a_session_when_it_begins_and_not_when_it_is_over() {
    let stops = |end| {
        let rule = "{id: a, summary: s, on: lifecycle, match: {agent: x}, action: alert, risk: 60}";
        let mut bench = Bench::new(&[rule]);
        bench.decider.settings.risk_budget = 60;
        bench.act(Subject::Lifecycle(end), Pending::None);
        assert_eq!(bench.effects_in_words()[0], "judged alert");
        bench
            .effects_in_words()
            .contains(&"freeze by risk-budget: the session's risk is 60 points".to_owned())
    };
    assert_eq!((stops(Lifecycle::Started), stops(Lifecycle::Ended)), (true, false));
}

#[test]
fn what_is_held_is_contained_and_spends_no_budget() {
    let mut bench = Bench::new(&[HOLD]);
    bench.decider.settings.risk_budget = 10;
    bench.connect(5, "a.example");
    assert!(!bench.session().is_frozen());
}

#[test]
fn a_pack_that_is_switched_off_is_told_and_lets_what_waits_go_on() {
    let mut bench = Bench::new(&EVERYTHING);
    let (at, process) = (BootNanos(1), process(10, "/bin/p"));
    let subject = Subject::Open(secret("ssh", true));
    let pack_off = Some("railway".to_owned());
    let act = Act { session: SESSION, process, at, subject, pending: caller(6), pack_off };
    bench.step(Input::Act(Box::new(act)));
    assert_eq!(bench.effects_in_words(), ["allow caller 6", "report passed over railway"]);
}

#[test]
fn of_a_session_that_is_over_nothing_leaves() {
    let mut bench = Bench::new(&EVERYTHING);
    bench.decider.sessions.remove(SESSION);
    bench.connect(5, "x.example");
    assert_eq!(bench.effects_in_words(), ["keep held 5", "too late connect"]);
    bench.act(Subject::Exec, caller(6));
    assert_eq!(bench.effects_in_words(), ["refuse caller 6", "too late exec"]);
    bench.act(Subject::Exec, Pending::None);
    assert_eq!(bench.effects_in_words(), ["too late exec"]);
}

#[test]
fn a_foreign_read_gates_the_session_and_is_passed_on() {
    let rule = "{id: r, summary: s, on: connect, match: {destination: infra, touched: {foreign: true}}, action: hold}";
    let mut bench = Bench::new(&[rule]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged allow", "gate", "report secret-read allow", "pass on"]);
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert!(!bench.effects_in_words().contains(&"gate".to_owned()), "it asks already");
    bench.step(Input::NotGated(SESSION));
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    assert!(bench.effects_in_words().contains(&"gate".to_owned()), "the kernel could not be told");
    bench.step(Input::NotGated(SESSION));
    bench.act(Subject::Exec, Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged allow", "gate"], "whatever the next act is");
    let owners = SecretAccess { owner: true, ..secret("ssh", true) };
    bench.act(Subject::Open(owners), Pending::None);
    assert!(!bench.effects_in_words().contains(&"pass on".to_owned()));
    let mut other = Bench::new(&[rule]);
    other.act(Subject::Open(secret("ssh", false)), Pending::None);
    assert_eq!(other.effects_in_words(), ["judged allow", "report secret-read allow"]);
}

#[test]
fn who_read_a_secret_is_remembered_with_the_read() {
    let rule = "{id: r, summary: s, on: connect, match: {destination: infra, touched: {foreign: true}}, action: alert}";
    let mut bench = Bench::new(&[rule]);
    bench.decider.sessions.add_process(SESSION, process(10, "/bin/p"));
    bench.act(Subject::Open(secret("ssh", true)), Pending::None);
    let reader = bench.session().memory.touches()[0].readers.last.clone().unwrap();
    assert!(reader.lineage.iter().any(|line| line.contains("/bin/p 10")), "{reader:?}");
}

#[test]
fn a_habit_is_an_alert_once_in_a_session() {
    let rule = "{id: r, summary: s, on: open, match: {secret: {class: ssh}}, action: alert}";
    let mut bench = Bench::new(&[rule]);
    let habit = crate::facts::Habit { providers: Vec::new(), elsewhere: Grade::B };
    let looked = SecretAccess { habit: Some(habit), ..secret("ssh", true) };
    let mut again = |looked: &SecretAccess| {
        bench.act(Subject::Open(looked.clone()), Pending::None);
        let Some(Effect::Judged(decision)) = bench.effects.first() else { panic!("not judged") };
        decision.is_habit_again()
    };
    assert_eq!([again(&looked), again(&looked), again(&secret("ssh", true))], [false, true, false]);
}

#[test]
fn what_runs_is_what_was_judged_or_the_session_is_frozen() {
    let rule = "{id: r, summary: s, on: exec, match: {process: {executable: rm}}, action: hold}";
    let why = "freeze by r: what runs is not what was judged before it ran";
    let mut bench = Bench::new(&[rule]);
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Changed);
    assert_eq!(bench.effects_in_words(), ["judged hold", "report exec alert", why]);
    let mut bench = Bench::new(&[rule]);
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::None);
    assert_eq!(bench.effects_in_words(), ["judged hold", "report exec alert"]);
    // A person has let the program run, with whatever arguments.
    let mut bench = Bench::new(&[rule]);
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, caller(10));
    bench.step(Input::Approved(Approval {
        extent: Extent::lasting(Duration::from_secs(60)),
        ..Approval::of(1, PERSON)
    }));
    bench.act_of(process(10, "/bin/rm"), Subject::Exec, Pending::Changed);
    assert_eq!(bench.effects_in_words(), ["judged hold", "report exec alert"]);
}
