//! Rule evaluations per second on one core: single facts against 300 rules, and a session's mix of facts, with all its state,
//! against 10 to 3,000 rules of every shape, as a large organisation would have them.

use std::{hint::black_box, time::Instant};

use anyhow::{Result, anyhow};
use interlock::{
    facts::{
        BootNanos, Destination, DestinationClass, Fact, Grade, NameSource, Process, SecretAccess, SessionId,
        Subject, Transport,
    },
    rules::{Memory, RuleSet},
};

use super::Effort;
use crate::report::{Goal, Line, Unit};

pub fn measure(effort: Effort) -> Result<Vec<Line>> {
    let rules = rules()?;
    let facts = [
        ("connect, no match", connect(DestinationClass::Unknown, "docs.some.example.com"), 0),
        ("connect to infra, no match", connect(DestinationClass::Infra, "api.some.example.com"), 0),
        ("open, no match", open("npmrc"), 0),
        ("exec, no match", fact(Subject::Exec), 0),
        ("connect, match", connect(DestinationClass::Unknown, "h1.test"), 1),
        ("open, match", open("e2"), 1),
    ];
    let mut lines = Vec::new();
    for (name, fact, matches) in facts {
        let mut memory = Memory::new();
        let found = rules.evaluate(&fact, &mut memory).matches.len();
        if found != matches {
            return Err(anyhow!("{name}: {found} rules match; expected {matches}"));
        }
        let line =
            Line::new(format!("rules: {name}"), rate(&rules, &fact, &mut memory, effort), Unit::PerSecond);
        lines.push(line.goal(Goal::AtLeast(1e6)));
    }
    for count in CURVE {
        let line = Line::new(format!("rules: mix, {count} rules"), mixed(count, effort)?, Unit::PerSecond);
        lines.push(if count == 300 { line.goal(Goal::AtLeast(1e6)) } else { line });
    }
    Ok(lines)
}

/// Numbers of rules of the curve.
const CURVE: [u32; 6] = [10, 30, 100, 300, 1000, 3000];

/// Facts a second of one session after another: programs, hosts, its own files, and a search for credentials in between.
fn mixed(count: u32, effort: Effort) -> Result<f64> {
    let rules = parse(STATEFUL.iter().map(|rule| (*rule).to_owned()).chain((4..count).map(shape)))?;
    let mut mix = mix();
    let rounds = effort.of(20_000_u64, 4_000);
    let (mut now, mut matches) = (0, 0);
    let mut memory = Memory::new();
    let start = Instant::now();
    for round in 0..rounds {
        if round % 100 == 0 {
            memory = Memory::new();
        }
        for fact in &mut mix {
            now += 1_000_000;
            fact.at = BootNanos(now);
            matches += black_box(rules.evaluate(black_box(fact), &mut memory)).matches.len();
        }
    }
    let rate = (rounds * mix.len() as u64) as f64 / start.elapsed().as_secs_f64();
    if matches == 0 {
        return Err(anyhow!("no rule of the mix ever matched"));
    }
    Ok(rate)
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

fn rate(rules: &RuleSet, fact: &Fact, memory: &mut Memory, effort: Effort) -> f64 {
    let times = effort.of(1_000_000, 200_000);
    let start = Instant::now();
    for _ in 0..times {
        black_box(rules.evaluate(black_box(fact), memory));
    }
    f64::from(times) / start.elapsed().as_secs_f64()
}

fn rules() -> Result<RuleSet> {
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
    let text = format!("version: 1\nrules:\n{}", rules.concat());
    RuleSet::parse(&[("bench.yaml".into(), text)]).map_err(|problems| anyhow!("{problems}"))
}

fn fact(subject: Subject) -> Fact {
    let process =
        Process { executable: "/usr/bin/curl".into(), args: vec!["curl".into()], ..Process::default() };
    Fact {
        at: BootNanos(1_000_000_000),
        session: SessionId(1 << 42),
        agent: "claude-code".into(),
        session_age: std::time::Duration::from_secs(60),
        incomplete: false,
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
        provider: None,
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
    }))
}
