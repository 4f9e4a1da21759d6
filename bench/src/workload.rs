//! What the rules are measured with: sets of rules, and the facts that a session would give them.

use std::{hint::black_box, time::Duration};

use anyhow::{Result, anyhow, bail};
use interlock_core::{
    facts::{
        BootNanos, Destination, DestinationClass, Fact, Grade, InPod, NameSource, Process, SecretAccess,
        SessionId, Subject, Transport,
    },
    replay::{self, Entry, RecordedFact},
    rules::{Memory, RuleSet},
};

/// Rules, and facts that they judge round after round.
pub struct Workload {
    rules: RuleSet,
    facts: Vec<Fact>,
}

/// A name, the fact, and how many rules match it.
type Single = (&'static str, fn() -> Fact, usize);
/// Against 300 rules.
const SINGLE: [Single; 6] = [
    ("connect, no match", || connect(DestinationClass::Unknown, "docs.some.example.com"), 0),
    ("connect to infra, no match", || connect(DestinationClass::Infra, "api.some.example.com"), 0),
    ("open, no match", || open("npmrc"), 0),
    ("exec, no match", || fact(Subject::Exec), 0),
    ("connect, match", || connect(DestinationClass::Unknown, "h1.test"), 1),
    ("open, match", || open("e2"), 1),
];
/// Numbers of rules that the mix is judged by: the curve.
const CURVE: [u32; 6] = [10, 30, 100, 300, 1000, 3000];
/// What `interlock record` wrote of a session that built, tested and committed, read its credentials and called a server.
const RECORD: &str = include_str!("../session.jsonl");
const RECORDED: &str = "recorded session, 300 rules";
/// Facts of one session; the next begins with an empty memory.
pub const SESSION: usize = 6_400;

/// Names of all workloads.
pub fn names() -> impl Iterator<Item = String> {
    let single = SINGLE.iter().map(|(name, ..)| (*name).to_owned());
    single.chain(CURVE.iter().map(|count| mix_of(*count))).chain([RECORDED.to_owned()])
}

fn mix_of(count: u32) -> String {
    format!("mix, {count} rules")
}

impl Workload {
    /// # Errors
    /// There is no workload of this name, or it does not do what it is named for.
    pub fn named(name: &str) -> Result<Self> {
        if let Some((_, fact, matches)) = SINGLE.iter().find(|(known, ..)| *known == name) {
            let workload = Self { rules: distinct_rules()?, facts: vec![fact()] };
            let found = workload.judge(1);
            return if found == *matches {
                Ok(workload)
            } else {
                Err(anyhow!("{name}: {found} rules match; expected {matches}"))
            };
        }
        if name == RECORDED {
            return Ok(Self { rules: rules_of_every_shape(300)?, facts: recorded()? });
        }
        let Some(count) = CURVE.into_iter().find(|count| mix_of(*count) == name) else {
            bail!("no workload is named `{name}`");
        };
        let workload = Self { rules: rules_of_every_shape(count)?, facts: mix() };
        if workload.judge(SESSION) == 0 {
            bail!("{name}: no rule ever matches");
        }
        Ok(workload)
    }

    /// Judges this many facts, session after session; returns the number of matches.
    pub fn judge(&self, count: usize) -> usize {
        let (mut memory, mut matches) = (Memory::new(), 0);
        let mut facts = self.facts.clone();
        let each = facts.len();
        for i in 0..count {
            if i % SESSION == 0 {
                memory = Memory::new();
            }
            let fact = &mut facts[i % each];
            fact.at = BootNanos(1_000_000 * (i as u64 + 1));
            matches += black_box(self.rules.evaluate(black_box(fact), &mut memory)).matches.len();
        }
        matches
    }
}

/// A touch, a window, a sequence and a guard.
const STATEFUL: [&str; 4] = [
    "on: connect, match: {destination: infra, touched: {grade: A, within: 30m}}, action: hold",
    "on: open, match: {secret: {foreign: true}}, threshold: {count: 5, distinct: file.path, within: 30s}, action: freeze",
    "on: connect, match: {destination: infra}, action: hold, after: {within: 10m, order: listed, steps: \
     [{id: searched, on: exec, match: {process: {executable: rg}}}, {id: read, on: open, match: {secret: {grade: A}}}]}",
    "on: connect, match: {destination: infra}, action: hold, \
     when: 'session.age < duration(\"30s\") && process.args.exists(a, a == \"DELETE\")'",
];

/// 64 facts, one of which is a match once the session has read what it should not: most of what a session does concerns no
/// rule.
fn mix() -> Vec<Fact> {
    let program = |name: &str| {
        let mut fact = fact(Subject::Exec);
        fact.process.executable = format!("/usr/bin/{name}");
        fact
    };
    let foreign = |i: u32| {
        let mut fact = open(&format!("other-{i}"));
        if let Subject::Open(secret) = &mut fact.subject {
            secret.path = format!("/home/x/other/{i}/.env");
            (secret.grade, secret.foreign, secret.owner) = (Grade::A, true, false);
        }
        fact
    };
    let programs = (0..32).map(|i| program(if i == 7 { "rg" } else { "cc1" }));
    let hosts = (0..19).map(|i| connect(DestinationClass::Unknown, &format!("docs{i}.some.example.com")));
    let infra = (0..1).map(|i| connect(DestinationClass::Infra, &format!("api{i}.some.example.com")));
    let own = (0..10).map(|_| open("npmrc"));
    programs.chain(hosts).chain(infra).chain(own).chain((0..2).map(foreign)).collect()
}

fn recorded() -> Result<Vec<Fact>> {
    let record =
        replay::read("session.jsonl", RECORD.as_bytes()).map_err(|problems| anyhow!("{problems}"))?;
    let facts: Vec<Fact> = record.entries.into_iter().filter_map(judged).collect();
    if facts.len() < 30 { Err(anyhow!("the record has {} facts", facts.len())) } else { Ok(facts) }
}

fn judged(entry: Entry) -> Option<Fact> {
    let RecordedFact::Done { subject, process, incomplete, .. } = entry.fact else { return None };
    let process = *process;
    Some(Fact { agent: entry.agent, incomplete, process, ..fact(subject) })
}

/// 300 rules of five shapes.
fn distinct_rules() -> Result<RuleSet> {
    let rule = |i: u32| match i % 5 {
        0 => format!(
            "on: connect, match: {{destination: {{host: '*.h{i}.test'}}, touched: {{grade: A}}}}, action: hold"
        ),
        1 => format!("on: connect, match: {{destination: {{host: h{i}.test}}}}, action: deny"),
        2 => format!("on: open, match: {{secret: {{entry: e{i}}}}}, action: alert"),
        3 => format!("on: exec, match: {{process: {{executable: p{i}}}}}, action: alert"),
        _ => format!("on: connect, match: {{destination: infra, agent: a{i}}}, action: alert"),
    };
    parse((0..300).map(rule))
}

/// As a large organisation would have them.
fn rules_of_every_shape(count: u32) -> Result<RuleSet> {
    parse(STATEFUL.iter().map(|rule| (*rule).to_owned()).chain((4..count).map(shape)))
}

/// A rule of the curve; about one of twelve has a sequence.
fn shape(i: u32) -> String {
    match i % 12 {
        0 => format!(
            "on: connect, match: {{destination: {{host: '*.h{i}.test'}}, touched: {{grade: A}}}}, action: hold"
        ),
        1 => format!("on: connect, match: {{destination: {{host: h{i}.test}}}}, action: deny"),
        2 => format!("on: open, match: {{secret: {{entry: e{i}}}}}, action: alert"),
        3 => format!("on: exec, match: {{process: {{executable: p{i}}}}}, action: alert"),
        4 => format!("on: connect, match: {{destination: infra, agent: a{i}}}, action: alert"),
        5 => format!("on: open, match: {{secret: {{path: '**/d{i}/**'}}}}, action: alert"),
        6 => format!("on: exec, match: {{process: {{executable: '/opt/x{i}/*'}}}}, action: alert"),
        7 => format!(
            "on: connect, match: {{destination: {{provider: p{i}}}}}, action: hold, when: 'session.risk > {i}'"
        ),
        8 => format!(
            "on: open, match: {{secret: {{class: c{i}}}}}, threshold: {{count: 3, within: 1m}}, action: alert"
        ),
        9 if i < 2400 => format!(
            "on: connect, match: {{destination: {{host: s{i}.test}}}}, action: hold, after: {{within: 5m, \
             order: any, steps: [{{id: a, on: exec, match: {{process: {{executable: p{i}}}}}}}, \
             {{id: b, on: open, match: {{secret: {{entry: e{i}}}}}}}]}}"
        ),
        9 | 10 => format!("on: probe, match: {{secret: {{entry: e{i}}}}}, action: alert"),
        _ => format!("on: delegate, match: {{delegate: {{service: s{i}}}}}, action: alert"),
    }
}

fn parse(rules: impl Iterator<Item = String>) -> Result<RuleSet> {
    let rules: Vec<String> =
        rules.enumerate().map(|(i, rule)| format!("  - {{id: r{i}, summary: s, {rule}}}\n")).collect();
    let text = format!("version: 1\nbuiltin: replace\nrules:\n{}", rules.concat());
    RuleSet::parse(&[("bench.yaml".into(), text)]).map_err(|problems| anyhow!("{problems}"))
}

fn fact(subject: Subject) -> Fact {
    let process =
        Process { executable: "/usr/bin/curl".into(), args: ["curl".into()].into(), ..Process::default() };
    Fact {
        at: BootNanos(1_000_000_000),
        session: SessionId(1 << 42),
        agent: "claude-code".into(),
        session_age: Duration::from_secs(60),
        incomplete: false,
        pod: InPod::Outside,
        process,
        subject,
    }
}

fn connect(class: DestinationClass, name: &str) -> Fact {
    fact(Subject::Connect(Destination {
        address: [66, 33, 22, 1].into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some(name.into()),
        named_by: Some(NameSource::ServerName),
        class,
        also: None,
        provider: None,
        anybodys: false,
    }))
}

fn open(entry: &str) -> Fact {
    fact(Subject::Open(SecretAccess {
        path: "/home/x/.npmrc".into(),
        entry: entry.into(),
        class: "registry".into(),
        grade: Grade::B,
        foreign: false,
        owner: true,
        copy: false,
        habit: None,
    }))
}
