//! Rule evaluations per second on one core, 300 rules of every shape, as a large organisation would have them.

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
    Ok(lines)
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
    let rules: Vec<String> =
        (0..300).map(|i| format!("  - {{id: r{i}, summary: s, {}}}\n", rule(i))).collect();
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
