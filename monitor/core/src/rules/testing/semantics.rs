//! What the words of the language mean, and that evaluation is total and bounded.

use proptest::prelude::*;

use super::{destination, fact, second, secret, set};
use crate::{
    facts::{
        Action, BootNanos, Destination, DestinationClass as Class, EnvironAccess, EnvironHow, Fact, Grade,
        Kind, Process, SecretAccess, Subject,
    },
    rules::{DEFAULT, Memory, Outcome, Rule, RuleSet, Traced, Verdict},
};

fn connect(class: Class, name: Option<&str>) -> Fact {
    fact(second(1), Subject::Connect(destination(class, name)))
}

fn first(rules: &RuleSet, fact: &Fact) -> Verdict {
    rules.evaluate(fact, &mut Memory::new())
}

fn ids(verdict: &Verdict) -> Vec<&str> {
    verdict.matches.iter().map(|found| found.rule.id.as_str()).collect()
}

#[test]
fn the_strongest_enforced_action_wins() {
    let rules = set(&[
        "{id: a, summary: s, on: connect, match: {destination: infra}, action: alert}",
        "{id: b, summary: s, on: connect, match: {destination: {host: '*.Test'}}, action: deny, risk: 7}",
        "{id: c, summary: s, on: connect, match: {destination: any}, action: kill, mode: observe, risk: 9}",
        "{id: d, summary: s, on: connect, match: {destination: any}, action: kill, enabled: false}",
    ]);
    let verdict = first(&rules, &connect(Class::Infra, Some("API.test.")));
    assert_eq!(ids(&verdict), ["a", "b", "c"]);
    assert_eq!((verdict.action, verdict.decisive.unwrap().id.as_str()), (Action::Deny, "b"));
    assert!(verdict.matches[2].observed_only);
    assert_eq!(verdict.points, 7, "what is only observed adds no risk");
}

#[test]
fn before_the_handshake_only_rules_that_stop_there_are_asked_and_nothing_is_a_step() {
    let rules = set(&[
        "{id: early, summary: s, on: connect, match: {destination: infra}, action: hold, before: handshake}",
        "{id: late, summary: s, on: connect, match: {destination: infra}, action: freeze}",
        "{id: fine, summary: s, on: connect, match: {destination: {host: ok.test}}, action: allow}",
        "{id: twice, summary: s, on: exec, match: {agent: test}, action: alert, \
         after: {within: 1m, steps: [{id: c, on: connect, match: {destination: infra}}]}}",
    ]);
    let mut memory = Memory::new();
    let early = |name: &str| fact(second(1), Subject::Handshake(destination(Class::Infra, Some(name))));
    assert_eq!(ids(&rules.evaluate(&early("api.test"), &mut memory)), ["early"]);
    assert_eq!(ids(&rules.evaluate(&early("ok.test"), &mut memory)), ["fine"]);
    assert!(!rules.iter().any(|rule| rule.after.as_ref().is_some_and(|after| memory.took_a_step(after))));
    let late = rules.evaluate(&connect(Class::Infra, Some("api.test")), &mut memory);
    assert_eq!(ids(&late), ["early", "late"]);
}

#[test]
fn an_exception_wins_over_everything_and_nothing_is_counted() {
    let rules = set(&[
        "{id: kill, summary: s, on: connect, match: {destination: any}, action: kill, risk: 50}",
        "{id: fine, summary: s, on: connect, match: {destination: {host: api.test}}, action: allow}",
        "{id: dry, summary: s, on: connect, match: {destination: {port: 443}}, action: allow, mode: observe}",
    ]);
    let mut memory = Memory::new();
    let verdict = rules.evaluate(&connect(Class::Infra, Some("api.test")), &mut memory);
    assert_eq!((verdict.action, ids(&verdict)), (Action::Allow, vec!["fine", "dry"]));
    assert_eq!(memory.risk(second(1)), 0);
    let verdict = rules.evaluate(&connect(Class::Infra, Some("other.test")), &mut memory);
    assert_eq!((verdict.action, ids(&verdict)), (Action::Kill, vec!["dry", "kill"]));
}

#[test]
fn model_and_package_hosts_get_no_more_than_an_alert() {
    let rules = set(&["{id: a, summary: s, on: connect, match: {destination: any}, action: kill}"]);
    for class in [Class::Model, Class::Package] {
        let verdict = first(&rules, &connect(class, Some("api.anthropic.com")));
        assert_eq!((verdict.action, verdict.matches[0].action), (Action::Alert, Action::Alert));
        assert!(verdict.matches[0].conditions.iter().any(|said| said.contains("never blocked")));
    }
    assert_eq!(first(&rules, &connect(Class::Vcs, None)).action, Action::Kill);
}

#[test]
fn every_condition_must_hold_and_any_value_of_a_list_will_do() {
    let rules = set(&[
        "{id: a, summary: s, on: connect, action: alert, match: {agent: [codex, claude-code], \
         destination: {class: [infra, vcs], host: ['*.railway.app', 66.33.22.1], provider: railway, port: [22, 443], \
         named: true}, process: {executable: [/usr/bin/*], argv: '*DELETE*'}}}",
    ]);
    let good = || {
        let mut fact = connect(Class::Infra, Some("backboard.railway.app"));
        fact.process.args = ["curl".into(), "-X".into(), "DELETE".into()].into();
        fact
    };
    let target = |change: fn(&mut Destination)| {
        let mut fact = good();
        let mut destination = Destination {
            provider: Some("railway".into()),
            ..destination(Class::Infra, Some("a.railway.app"))
        };
        change(&mut destination);
        fact.subject = Subject::Connect(destination);
        fact
    };
    let matches = |fact: &Fact| !first(&rules, fact).matches.is_empty();
    assert!(matches(&target(|_| {})));
    assert!(matches(&target(|d| d.name = Some("elsewhere".into()))), "by its address");
    assert!(!matches(&target(|d| d.class = Class::Unknown)));
    assert!(!matches(&target(|d| d.provider = None)));
    assert!(!matches(&target(|d| d.port = 80)));
    assert!(!matches(&target(|d| d.name = None)));
    let wrong_host = |d: &mut Destination| {
        d.name = Some("railway.app".into());
        d.address = "10.0.0.1".parse().unwrap();
    };
    assert!(!matches(&target(wrong_host)));
    assert!(!matches(&Fact { agent: "aider".into(), ..target(|_| {}) }));
    let quiet = Process { args: ["curl".into()].into(), ..good().process };
    assert!(!matches(&Fact { process: quiet, ..target(|_| {}) }));
    let elsewhere = Process { executable: "/opt/curl".into(), ..good().process };
    assert!(!matches(&Fact { process: elsewhere, ..target(|_| {}) }));
}

#[test]
fn programs_are_found_by_name_and_by_path() {
    let rules = set(&[
        "{id: name, summary: s, on: exec, match: {process: {executable: [curl, wget]}}, action: alert}",
        "{id: path, summary: s, on: exec, match: {process: {executable: /usr/bin/curl}}, action: alert}",
        "{id: glob, summary: s, on: exec, match: {process: {executable: 'c*'}}, action: alert}",
        "{id: else, summary: s, on: exec, match: {process: {executable: wget}}, action: alert}",
    ]);
    assert_eq!(ids(&first(&rules, &fact(second(1), Subject::Exec))), ["name", "path", "glob"]);
}

#[test]
fn secrets_are_found_by_entry_class_grade_and_path() {
    let rules = set(&[
        "{id: entry, summary: s, on: open, match: {secret: {entry: railway-cli}}, action: alert}",
        "{id: class, summary: s, on: open, match: {secret: {class: [ssh, paas]}}, action: alert}",
        "{id: grade, summary: s, on: open, match: {secret: {grade: [B, C]}}, action: alert}",
        "{id: path, summary: s, on: open, match: {secret: {path: '/home/*/.railway/*'}}, action: alert}",
        "{id: probe, summary: s, on: probe, match: {secret: any}, action: alert}",
        "{id: any, summary: s, on: open, match: {secret: any}, action: alert}",
    ]);
    let open = fact(second(1), Subject::Open(secret("/home/x/.railway/config.json")));
    let verdict = first(&rules, &open);
    assert_eq!(ids(&verdict), ["entry", "class", "path", "any"]);
    assert_eq!(verdict.matches[3].conditions, ["every open"]);
}

#[test]
fn a_threshold_says_how_often() {
    let rules = set(&["{id: a, summary: s, on: connect, match: {destination: any}, action: alert, \
         threshold: {count: 2, distinct: destination.name, within: 1m}}"]);
    let mut memory = Memory::new();
    assert!(rules.evaluate(&connect(Class::Vcs, Some("a")), &mut memory).matches.is_empty());
    assert!(
        rules.evaluate(&connect(Class::Vcs, Some("A.")), &mut memory).matches.is_empty(),
        "the same name"
    );
    let verdict = rules.evaluate(&connect(Class::Vcs, None), &mut memory);
    assert_eq!(verdict.matches[0].conditions, ["2 distinct destination.name within 60 s"]);
}

fn arbitrary_subject() -> impl Strategy<Value = Subject> {
    let grade = prop_oneof![Just(Grade::A), Just(Grade::B), Just(Grade::C)];
    let access = ("/[a-z.]{0,3}", "[a-z-]{0,6}", grade, any::<bool>(), any::<bool>()).prop_map(
        |(path, class, grade, foreign, owner)| SecretAccess {
            path,
            entry: class.clone(),
            class,
            grade,
            foreign,
            owner,
            copy: false,
            habit: None,
        },
    );
    let class = proptest::sample::select(vec![
        Class::Infra,
        Class::Model,
        Class::Package,
        Class::Database,
        Class::Metadata,
        Class::Vcs,
        Class::Local,
        Class::Unknown,
    ]);
    let name = proptest::option::of("\\PC{0,12}");
    let to =
        (any::<std::net::IpAddr>(), any::<u16>(), name, class).prop_map(|(address, port, name, class)| {
            Subject::Connect(Destination { address, port, ..destination(class, name.as_deref()) })
        });
    let how = proptest::sample::select(vec![EnvironHow::Exec, EnvironHow::Open, EnvironHow::Memory]);
    prop_oneof![
        4 => access.clone().prop_map(Subject::Open),
        1 => access.prop_map(Subject::Probe),
        4 => to,
        1 => Just(Subject::Exec),
        1 => (any::<u32>(), any::<bool>(), how)
            .prop_map(|(target, own, how)| Subject::Environ(EnvironAccess { target, own, how })),
    ]
}

fn never_blocked(subject: &Subject) -> bool {
    matches!(subject, Subject::Connect(Destination { class: Class::Model | Class::Package, .. }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_of_a_file_gives_rules_or_problems(
        at in any::<prop::sample::Index>(), gone in 0..12_usize, put in "[\\PC\n\t{}\\[\\]:&*]{0,6}",
    ) {
        let letters: Vec<char> = DEFAULT.chars().collect();
        let at = at.index(letters.len());
        let (before, after) = (&letters[..at], letters[at..].iter().skip(gone));
        let text: String = before.iter().copied().chain(put.chars()).chain(after.copied()).collect();
        if let Err(problems) = super::parse_text(&text) {
            prop_assert!(!problems.is_empty());
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn evaluation_is_total_and_memory_stays_bounded(
        steps in proptest::collection::vec((arbitrary_subject(), any::<u64>(), any::<bool>(), "\\PC{0,8}"), 0..600),
    ) {
        let rules = RuleSet::builtin().unwrap();
        let mut memory = Memory::new();
        for (subject, at, incomplete, text) in steps {
            let process = Process { executable: text.clone(), args: [text].into(), ..Process::default() };
            let fact = Fact { incomplete, process, ..fact(BootNanos(at), subject) };
            let trace = rules.trace(&fact, &memory.past());
            let verdict = rules.evaluate(&fact, &mut memory);
            let said = |verdict: &Verdict| verdict.matches.iter().map(|found| found.conditions.clone()).collect::<Vec<_>>();
            prop_assert_eq!((trace.verdict.action, said(&trace.verdict)), (verdict.action, said(&verdict)));
            let met = |traced: &Traced| traced.unmet() == 0;
            prop_assert!(trace.rules.iter().all(|traced| met(traced) == (traced.outcome != Outcome::Unmatched)));
            prop_assert!(memory.touches().len() <= 256);
            prop_assert!(memory.entries() <= 256 + rules.len() * 1024);
            let strongest = verdict.matches.iter().filter(|found| !found.observed_only).map(|found| found.action).max();
            prop_assert_eq!(verdict.action, strongest.unwrap_or(Action::Allow));
            prop_assert!(!never_blocked(&fact.subject) || verdict.action <= Action::Alert);
            let fits = |rule: &Rule| rule.on == fact.subject.kind();
            prop_assert!(verdict.matches.iter().all(|found| fits(&found.rule)));
            prop_assert!(fact.subject.kind() != Kind::Environ || verdict.action == Action::Alert);
        }
    }
}
