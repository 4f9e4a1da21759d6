use std::time::Duration;

use crate::{
    explanation::{ConditionTrace, RuleTrace},
    facts::{
        Action, DelegateHow, Delegation, Destination, DestinationClass as Class, EnvironAccess, EnvironHow,
        Fact, InspectHow, Inspection, Lifecycle, LinkHow, Place, Relink, SecretAccess, Subject,
    },
    rules::{
        Memory, RuleSet, Trace,
        testing::{destination, fact, parse_text, second, secret, set},
    },
};

/// The trace of the last fact, after the others happened.
fn trace(rules: &RuleSet, facts: &[Fact]) -> Trace {
    let (last, before) = facts.split_last().unwrap();
    let mut memory = Memory::new();
    for fact in before {
        rules.evaluate(fact, &mut memory);
    }
    let trace = rules.trace(last, &memory);
    let verdict = rules.evaluate(last, &mut memory);
    let said = |verdict: &crate::rules::Verdict| {
        verdict.matches.iter().map(|found| found.conditions.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (trace.verdict.action, said(&trace.verdict)),
        (verdict.action, said(&verdict)),
        "as it was judged"
    );
    trace
}

fn matched(rules: &RuleSet, facts: &[Fact]) -> RuleTrace {
    trace(rules, facts).matched(rules).into_iter().next().expect("the rule matches")
}

fn connect(class: Class, name: Option<&str>) -> Fact {
    fact(second(100), Subject::Connect(destination(class, name)))
}

fn described(condition: &ConditionTrace) -> [&str; 4] {
    let ConditionTrace { name, asked, found, instead, .. } = condition;
    [name, asked, found, instead.as_deref().unwrap_or("-")]
}

/// A rule of one condition: how it is told where it is met, and where it is not.
fn pair(on: &str, condition: &str, met: Fact, unmet: Fact) -> ([String; 4], [String; 4]) {
    let rules = set(&[&format!("{{id: r, summary: s, on: {on}, match: {condition}, action: alert}}")]);
    let found = matched(&rules, &[met]);
    let [condition] = &found.conditions[..] else { panic!("one condition: {found:?}") };
    assert!(condition.met);
    let missed = trace(&rules, &[unmet]).neighbours();
    let [neighbour] = &missed[..] else { panic!("one neighbour: {missed:?}") };
    let [unmet] = &neighbour.unmet[..] else { panic!("one unmet condition: {neighbour:?}") };
    assert!(!unmet.met);
    (described(condition).map(str::to_owned), described(unmet).map(str::to_owned))
}

#[test]
fn a_trace_has_the_rule_as_written_its_place_and_what_changed_its_action() {
    let text = "version: 1\nrules:\n  # a note\n  - id: infra   # why\n    summary: Infra.\n    on: connect\n    match:\n      \
                destination: infra\n    action: hold\n    mode: observe\n\n  - {id: o, summary: s, on: connect, match: \
                {destination: any}, action: kill}\noverride:\n  - {id: infra, risk: 3}\n";
    let rules = parse_text(text).unwrap();
    let first = matched(&rules, &[connect(Class::Infra, Some("api.test"))]);
    assert_eq!(
        (first.id.as_str(), first.written.file.as_str(), first.written.line),
        ("infra", "test.yaml", 4)
    );
    let written = "- id: infra   # why\n  summary: Infra.\n  on: connect\n  match:\n    destination: infra\n  \
                   action: hold\n  mode: observe";
    assert_eq!(first.written.text, written);
    assert_eq!(
        first.overridden.iter().map(|by| (by.line, by.text.as_str())).collect::<Vec<_>>(),
        [(14, "- {id: infra, risk: 3}")]
    );
    assert_eq!(
        (first.runs_in, &first.notes[..]),
        (Place::Daemon, &["observe mode: recorded only".to_owned()][..])
    );
    let model = trace(&rules, &[connect(Class::Model, None)]).matched(&rules);
    assert_eq!(model[0].action, Action::Alert);
    assert_eq!(model[0].notes, ["model and package hosts are never blocked: kill became alert"]);
}

#[test]
fn conditions_about_destinations_are_told() {
    let infra = || connect(Class::Infra, Some("API.Railway.app"));
    let provided = |provider: Option<&str>| {
        let provider = provider.map(str::to_owned);
        fact(second(1), Subject::Connect(Destination { provider, ..destination(Class::Infra, None) }))
    };
    let (met, unmet) =
        pair("connect", "{destination: [infra, database]}", infra(), connect(Class::Vcs, None));
    assert_eq!(met, ["destination.class", "infra or database", "infra", "anything but infra and database"]);
    assert_eq!(unmet, ["destination.class", "infra or database", "vcs", "-"]);
    let (met, unmet) =
        pair("connect", "{destination: {host: '*.railway.app'}}", infra(), connect(Class::Infra, None));
    assert_eq!(met[1..], ["*.railway.app", "api.railway.app", "anything but *.railway.app"]);
    assert_eq!(unmet[2], "66.33.22.1");
    let (met, unmet) =
        pair("connect", "{destination: {provider: aws}}", provided(Some("aws")), provided(None));
    assert_eq!((met[2].as_str(), unmet[2].as_str()), ("aws", "none that is known"));
    let elsewhere = Destination { port: 80, ..destination(Class::Infra, None) };
    let (met, unmet) =
        pair("connect", "{destination: {port: 443}}", infra(), fact(second(1), Subject::Connect(elsewhere)));
    assert_eq!((&met[2..], unmet[2].as_str()), (&["443".into(), "anything but 443".to_owned()][..], "80"));
    let (met, unmet) = pair("connect", "{destination: {named: false}}", connect(Class::Infra, None), infra());
    assert_eq!(
        met,
        [
            "destination.named",
            "false (a plain address, no name is known)",
            "false (a plain address, no name is known)",
            "true (a name is known for the address)"
        ]
    );
    assert_eq!(unmet[2], "true (a name is known for the address)");
}

/// A condition, what no longer meets it, how it is told where it is met, and what is found where it is not.
type Case = (&'static str, fn(&mut SecretAccess), [&'static str; 4], &'static str);

#[test]
fn conditions_about_secrets_and_links_are_told() {
    let open = |change: fn(&mut SecretAccess)| {
        let mut access = secret("/home/x/.railway/config.json");
        change(&mut access);
        fact(second(1), Subject::Open(access))
    };
    let cases: [Case; 5] = [
        (
            "{class: paas}",
            |s| s.class = "ssh".into(),
            ["secret.class", "paas", "paas", "anything but paas"],
            "ssh",
        ),
        (
            "{grade: [A, B]}",
            |s| s.grade = crate::facts::Grade::C,
            ["secret.grade", "A or B", "A", "anything but A and B"],
            "C",
        ),
        (
            "{foreign: true}",
            |s| s.foreign = false,
            [
                "secret.foreign",
                "true (outside of the workspace, read by none of its owner tools)",
                "true (outside of the workspace, read by none of its owner tools)",
                "false (inside of the workspace, or read by one of its owner tools)",
            ],
            "false (inside of the workspace, or read by one of its owner tools)",
        ),
        (
            "{entry: railway-cli}",
            |s| s.entry = "npmrc".into(),
            ["secret.entry", "railway-cli", "railway-cli", "anything but railway-cli"],
            "npmrc",
        ),
        (
            "{path: '**/.railway/*'}",
            |s| s.path = "/a".into(),
            ["secret.path", "**/.railway/*", "/home/x/.railway/config.json", "anything but **/.railway/*"],
            "/a",
        ),
    ];
    for (condition, change, expected, instead) in cases {
        let (met, unmet) = pair("open", &format!("{{secret: {condition}}}"), open(|_| {}), open(change));
        assert_eq!((met.each_ref().map(String::as_str), unmet[2].as_str()), (expected, instead));
    }
    let link = |how| fact(second(1), Subject::Link(Relink { secret: secret("/a"), how }));
    let (met, unmet) = pair("link", "{link: {how: rename}}", link(LinkHow::Rename), link(LinkHow::Link));
    assert_eq!(
        (met[0].as_str(), met[3].as_str(), unmet[2].as_str()),
        ("link.how", "anything but rename", "link")
    );
    let owner = |owner| fact(second(1), Subject::Open(SecretAccess { owner, ..secret("/a") }));
    let (met, unmet) = pair("open", "{process: {owner: false}}", owner(false), owner(true));
    assert_eq!(met[2], "false (the reader is no owner tool of the secret)");
    assert_eq!(unmet[2], "true (the reader is an owner tool of the secret)");
}

#[test]
fn conditions_about_processes_and_sessions_are_told() {
    let exec = |change: fn(&mut Fact)| {
        let mut fact = fact(second(1), Subject::Exec);
        fact.process.args = fact.process.args.iter().cloned().chain(["DELETE".into()]).collect();
        change(&mut fact);
        fact
    };
    let (met, unmet) = pair(
        "exec",
        "{process: {executable: [curl, wget]}}",
        exec(|_| {}),
        exec(|f| f.process.executable = "/b".into()),
    );
    assert_eq!(met, ["process.executable", "curl or wget", "/usr/bin/curl", "anything but curl and wget"]);
    assert_eq!(unmet[2], "/b");
    let (met, unmet) = pair(
        "exec",
        "{process: {argv: '*DELETE*'}}",
        exec(|_| {}),
        exec(|f| f.process.args = ["x".repeat(999)].into()),
    );
    assert_eq!(met, ["process.argv", "*DELETE*", "curl DELETE", "anything but *DELETE*"]);
    assert_eq!(unmet[2], format!("{}…", "x".repeat(160)), "cut");
    let (met, unmet) = pair("exec", "{agent: claude-code}", exec(|_| {}), exec(|f| f.agent = "codex".into()));
    assert_eq!((met[3].as_str(), unmet[2].as_str()), ("anything but claude-code", "codex"));
    let old = exec(|f| f.session_age = Duration::from_secs(7200));
    let (met, unmet) = pair("exec", "{session: {age: {under: 10m}}}", exec(|_| {}), old);
    assert_eq!(met, ["session.age", "under 10 min", "60 s", "10 min or more"]);
    assert_eq!(unmet[2], "2 h");
    let lost = exec(|f| f.incomplete = true);
    let (met, unmet) = pair("exec", "{session: {incomplete: true}}", lost, exec(|_| {}));
    assert_eq!(met[3], "false (no record of the session was lost)");
    assert_eq!(unmet[2], "false (no record of the session was lost)");
}

#[test]
fn conditions_about_environments_inspections_services_and_lives_are_told() {
    let environ = |own, how| fact(second(1), Subject::Environ(EnvironAccess { target: 7, own, how }));
    let (met, unmet) = pair(
        "environ",
        "{environ: {own: false}}",
        environ(false, EnvironHow::Open),
        environ(true, EnvironHow::Open),
    );
    assert_eq!(
        (met[2].as_str(), met[3].as_str()),
        ("false (another process's environment)", "true (the process's own environment)")
    );
    assert_eq!(unmet[2], "true (the process's own environment)");
    let (met, unmet) = pair(
        "environ",
        "{environ: {how: exec}}",
        environ(true, EnvironHow::Exec),
        environ(true, EnvironHow::Open),
    );
    assert_eq!((met[0].as_str(), unmet[2].as_str()), ("environ.how", "open"));
    let inspect = |own, how| fact(second(1), Subject::Inspect(Inspection { target: 7, own, how }));
    let (met, unmet) = pair(
        "inspect",
        "{inspect: {own: true}}",
        inspect(true, InspectHow::Ptrace),
        inspect(false, InspectHow::Ptrace),
    );
    assert_eq!(
        (met[0].as_str(), unmet[2].as_str()),
        ("inspect.own", "false (a process outside of the session)")
    );
    let (met, unmet) = pair(
        "inspect",
        "{inspect: {how: memory}}",
        inspect(true, InspectHow::Memory),
        inspect(true, InspectHow::Ptrace),
    );
    assert_eq!((met[0].as_str(), unmet[2].as_str()), ("inspect.how", "ptrace"));
    let asked = |service: &str, how| {
        fact(second(1), Subject::Delegate(Delegation { service: service.into(), how, path: "/s".into() }))
    };
    let (met, unmet) = pair(
        "delegate",
        "{delegate: {service: docker}}",
        asked("docker", DelegateHow::Socket),
        asked("tmux", DelegateHow::Socket),
    );
    assert_eq!((met[3].as_str(), unmet[2].as_str()), ("anything but docker", "tmux"));
    let (met, unmet) = pair(
        "delegate",
        "{delegate: {how: command}}",
        asked("at", DelegateHow::Command),
        asked("at", DelegateHow::Socket),
    );
    assert_eq!((met[0].as_str(), unmet[2].as_str()), ("delegate.how", "socket"));
    let life = |end| fact(second(1), Subject::Lifecycle(end));
    let (met, unmet) =
        pair("lifecycle", "{lifecycle: started}", life(Lifecycle::Started), life(Lifecycle::Ended));
    assert_eq!((met[0].as_str(), unmet[2].as_str()), ("lifecycle", "ended"));
}

#[test]
fn a_guard_without_a_result_says_so_and_what_it_counts_as() {
    let rules = set(&[
        "{id: k, summary: s, on: exec, match: {agent: claude-code}, action: kill, when: 'process.args[9] == \"x\"'}",
        "{id: a, summary: s, on: exec, match: {agent: claude-code}, action: alert, when: 'process.args[9] == \"x\"'}",
    ]);
    let judged = trace(&rules, &[fact(second(1), Subject::Exec)]);
    let [kill] = &judged.matched(&rules)[..] else { panic!("the alert does not match") };
    let guard = kill.conditions.iter().find(|condition| condition.name == "when").unwrap();
    assert_eq!(guard.found, "no result (an index is outside of its list), which counts as met");
    assert_eq!(kill.notes, ["nobody is killed because of a guard without a result: kill became freeze"]);
    assert_eq!(
        judged.nearest()[0].conditions[1].found,
        "no result (an index is outside of its list), which counts as not met"
    );
}

const TOUCHED: &str = "{id: t, summary: s, on: connect, match: {touched: {grade: A, foreign: true, within: 30s}}, action: hold}";

fn read(at: u64) -> Fact {
    fact(second(at), Subject::Open(secret("/token")))
}

#[test]
fn a_touch_is_told_with_its_time_and_a_missing_one_with_the_reason() {
    let rules = set(&[TOUCHED]);
    let found = matched(&rules, &[read(91), connect(Class::Infra, None)]);
    let wanted = "foreign secret of grade A read in the 30 s before";
    assert_eq!(
        described(&found.conditions[0]),
        [
            "touched",
            wanted,
            "A foreign paas /token, read 9 s before",
            "no foreign secret of grade A read in the 30 s before (this one was read 9 s before)"
        ]
    );
    let missing = |facts: &[Fact]| trace(&rules, facts).neighbours()[0].unmet[0].found.clone();
    assert_eq!(missing(&[connect(Class::Infra, None)]), "the session read no such secret");
    assert_eq!(
        missing(&[read(40), connect(Class::Infra, None)]),
        "A foreign paas /token, but 60 s before, not in the 30 s before"
    );
    let lost = Fact { incomplete: true, ..connect(Class::Infra, None) };
    let unknown = matched(&rules, &[lost]);
    assert_eq!(
        unknown.conditions[0].found,
        "not known, because records of the session were lost; that counts as read"
    );
    assert_eq!(unknown.conditions[0].instead.as_deref(), Some("a session whose records are complete"));
}

#[test]
fn a_guard_a_sequence_and_a_threshold_are_told() {
    let rules = set(&[
        "{id: g, summary: s, on: connect, match: {destination: any}, action: hold, when: 'destination.port == 443'}",
        "{id: a, summary: s, on: connect, match: {destination: any}, action: hold, \
         after: {within: 30s, order: listed, steps: [{id: ran, on: exec, match: {process: {executable: curl}}}, \
         {id: got, on: open, match: {secret: any}}]}}",
        "{id: n, summary: s, on: connect, match: {destination: any}, action: hold, \
         threshold: {count: 2, distinct: destination.name, within: 1m}}",
    ]);
    let exec = fact(second(90), Subject::Exec);
    let earlier = Fact { at: second(95), ..connect(Class::Vcs, Some("one.test")) };
    let all = trace(&rules, &[exec.clone(), read(92), earlier, connect(Class::Vcs, Some("two.test"))]);
    let all = all.matched(&rules);
    let conditions: Vec<_> = all.iter().map(|rule| described(&rule.conditions[0])).collect();
    assert_eq!(
        conditions,
        [
            [
                "when",
                "destination.port == 443",
                "destination.port = 443",
                "values for which the expression is false"
            ],
            [
                "after",
                "ran (exec), then got (open) in the 30 s before",
                "ran: /usr/bin/curl 10 s before, got: /token 8 s before",
                "not all of it in the 30 s before"
            ],
            [
                "threshold",
                "2 distinct destination.name within 60 s",
                "2 with this one",
                "1 or fewer within 60 s"
            ],
        ]
    );
    let other = Subject::Connect(Destination { port: 22, ..destination(Class::Vcs, Some("one.test")) });
    let none = trace(&rules, &[Fact { at: second(60), ..exec }, fact(second(100), other)]);
    let unmet: Vec<_> = none.neighbours().iter().map(|rule| rule.unmet[0].found.clone()).collect();
    let steps = "ran: /usr/bin/curl 40 s before (too long), got: not seen";
    assert_eq!(unmet, ["destination.port = 22", steps, "1 with this one"]);
}

#[test]
fn exceptions_of_a_rule_and_of_others_say_what_they_would_have_needed() {
    let rules = set(&[
        "{id: r, summary: s, on: connect, match: {destination: infra}, action: hold, \
         except: [{destination: {host: fine.test}, process: {executable: curl}}]}",
        "{id: e, summary: s, on: connect, match: {destination: {host: good.test}}, action: allow, excuses: r}",
        "{id: o, summary: s, on: connect, match: {destination: any}, action: alert}",
        "{id: x, summary: s, on: connect, match: {agent: x}, action: allow, excuses: o}",
    ]);
    let held = trace(&rules, &[connect(Class::Infra, Some("api.test"))]);
    let rule = &held.matched(&rules)[0];
    let except = rule.conditions.iter().find(|condition| condition.name == "except").unwrap();
    assert_eq!(
        described(except)[1..],
        [
            "not where destination.host: fine.test and process.executable: curl",
            "destination.host: api.test",
            "destination.host: fine.test"
        ]
    );
    let exceptions: Vec<_> = rule.exceptions.iter().map(|other| other.id.as_str()).collect();
    assert_eq!(exceptions, ["e"], "x excuses another rule");
    assert_eq!(rule.exceptions[0].unmet[0].found, "api.test");
    let other = held.without_decisive().unwrap();
    assert_eq!(
        (other.without.as_str(), other.action, other.rule.as_deref()),
        ("r", Action::Alert, Some("o"))
    );
    let excepted = trace(&rules, &[connect(Class::Infra, Some("fine.test"))]);
    assert_eq!(excepted.verdict.action, Action::Alert);
    assert_eq!(
        excepted.nearest()[0].conditions[1].found,
        "destination.host: fine.test and process.executable: /usr/bin/curl"
    );
    let excused = trace(&rules, &[connect(Class::Infra, Some("good.test"))]);
    assert_eq!(excused.excused().iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["r"]);
}

#[test]
fn the_nearest_rules_lack_the_fewest_conditions_and_the_strongest_come_first() {
    let rules = set(&[
        "{id: two, summary: s, on: connect, match: {destination: {class: infra, port: 22}}, action: kill}",
        "{id: weak, summary: s, on: connect, match: {destination: infra}, action: alert}",
        "{id: strong, summary: s, on: connect, match: {destination: {host: a.test}}, action: hold}",
        "{id: far, summary: s, on: connect, match: {agent: x, destination: {class: infra, port: 22}}, action: kill}",
        "{id: other, summary: s, on: exec, match: {agent: x}, action: kill}",
        "{id: off, summary: s, on: connect, match: {agent: x}, action: kill, enabled: false}",
    ]);
    let passed = trace(&rules, &[connect(Class::Vcs, Some("b.test"))]);
    let nearest: Vec<_> = passed.neighbours().into_iter().map(|rule| (rule.id, rule.unmet.len())).collect();
    assert_eq!(nearest, [("strong".into(), 1), ("weak".into(), 1), ("two".into(), 2)]);
    assert_eq!(passed.without_decisive(), None);
}

#[test]
fn a_rule_without_conditions_says_so_and_an_owner_is_not_counted() {
    let rules = set(&["{id: every, summary: s, on: open, match: {secret: any}, action: alert}"]);
    let found = matched(&rules, &[read(1)]);
    assert_eq!(described(&found.conditions[0])[..3], ["on", "every open", "open"]);
    let rules = set(&["{id: n, summary: s, on: open, match: {secret: any}, action: alert, \
         threshold: {count: 2, within: 1m}}"]);
    let own = fact(second(1), Subject::Open(SecretAccess { owner: true, ..secret("/a") }));
    let unmet = trace(&rules, &[own]).neighbours()[0].unmet[0].found.clone();
    assert_eq!(unmet, "what an owner tool reads of its own store is not counted");
}
