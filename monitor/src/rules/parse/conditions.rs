//! Reads `match:`.

use super::{
    section::{Section, duration, flag, number, one_or_more, text, word},
    tree::{Node, Value},
};
use crate::rules::{
    model::{
        Conditions, DelegateMatch, DestinationMatch, EnvironMatch, InspectMatch, ProcessMatch, SecretMatch,
        Touched,
    },
    pattern::{Glob, HostPattern},
    problem::Report,
};

pub fn conditions(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Conditions> {
    let known = ["secret", "destination", "process", "environ", "inspect", "delegate", "agent", "touched"];
    let section = Section::open(node, path, &known, report)?;
    Some(Conditions {
        secret: section.read("secret", report, secret),
        destination: section.read("destination", report, destination),
        process: section.read("process", report, process),
        environ: section.read("environ", report, environ),
        inspect: section.read("inspect", report, inspect),
        delegate: section.read("delegate", report, delegate),
        agent: section.list("agent", report, text),
        touched: section.read("touched", report, touched),
    })
}

/// A mapping without any field says nothing; `any` says it on purpose.
fn not_empty(node: &Node, path: &str, report: &mut Report<'_>) {
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        report.add(node.referenced, path, "found an empty mapping").expected("at least one field");
    }
}

fn is_any(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if text == "any")
}

fn secret(node: &Node, path: &str, report: &mut Report<'_>) -> Option<SecretMatch> {
    if is_any(node) {
        return Some(SecretMatch::default());
    }
    not_empty(node, path, report);
    if let Value::Text(_) = node.value {
        let problem = report.add(node.referenced, path, format!("found {}", node.value));
        problem.expected("any, or a mapping with class, grade, foreign, entry, path");
        return None;
    }
    let section = Section::open(node, path, &["class", "grade", "foreign", "entry", "path"], report)?;
    Some(SecretMatch {
        class: section.list("class", report, text),
        grade: section.list("grade", report, word),
        foreign: section.read("foreign", report, flag),
        entry: section.list("entry", report, text),
        path: section.list("path", report, |node, path, report| glob(node, path, report, Glob::path)),
    })
}

fn destination(node: &Node, path: &str, report: &mut Report<'_>) -> Option<DestinationMatch> {
    if is_any(node) {
        return Some(DestinationMatch::default());
    }
    not_empty(node, path, report);
    if !matches!(node.value, Value::Map(_)) {
        let class = one_or_more(node, path, report, word);
        return Some(DestinationMatch { class, ..DestinationMatch::default() });
    }
    let section = Section::open(node, path, &["class", "host", "provider", "port", "named"], report)?;
    Some(DestinationMatch {
        class: section.list("class", report, word),
        host: section.list("host", report, host),
        provider: section.list("provider", report, text),
        port: section.list("port", report, port),
        named: section.read("named", report, flag),
    })
}

fn process(node: &Node, path: &str, report: &mut Report<'_>) -> Option<ProcessMatch> {
    not_empty(node, path, report);
    let section = Section::open(node, path, &["executable", "argv"], report)?;
    Some(ProcessMatch {
        executable: section
            .list("executable", report, |node, path, report| glob(node, path, report, Glob::path)),
        argv: section.list("argv", report, |node, path, report| glob(node, path, report, Glob::text)),
    })
}

fn environ(node: &Node, path: &str, report: &mut Report<'_>) -> Option<EnvironMatch> {
    if is_any(node) {
        return Some(EnvironMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, &["own", "how"], report)?;
    Some(EnvironMatch { own: section.read("own", report, flag), how: section.list("how", report, word) })
}

fn inspect(node: &Node, path: &str, report: &mut Report<'_>) -> Option<InspectMatch> {
    if is_any(node) {
        return Some(InspectMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, &["own", "how"], report)?;
    Some(InspectMatch { own: section.read("own", report, flag), how: section.list("how", report, word) })
}

fn delegate(node: &Node, path: &str, report: &mut Report<'_>) -> Option<DelegateMatch> {
    if is_any(node) {
        return Some(DelegateMatch::default());
    }
    not_empty(node, path, report);
    let section = Section::open(node, path, &["service", "how"], report)?;
    Some(DelegateMatch {
        service: section.list("service", report, text),
        how: section.list("how", report, word),
    })
}

fn touched(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Touched> {
    not_empty(node, path, report);
    let section = Section::open(node, path, &["class", "grade", "foreign", "within"], report)?;
    Some(Touched {
        class: section.list("class", report, text),
        grade: section.list("grade", report, word),
        foreign: section.read("foreign", report, flag),
        within: section.read("within", report, duration),
    })
}

fn port(node: &Node, path: &str, report: &mut Report<'_>) -> Option<u16> {
    number::<1, 65535>(node, path, report).and_then(|port| u16::try_from(port).ok())
}

fn host(node: &Node, path: &str, report: &mut Report<'_>) -> Option<HostPattern> {
    let host = text(node, path, report)?;
    let pattern = HostPattern::parse(&host);
    let refuse = |reason: &str| {
        let problem = report.add(node.referenced, path, format!("found {host:?}: {reason}"));
        problem.expected("a host such as api.example.com, or *.example.com for every name below it");
    };
    pattern.map_err(refuse).ok()
}

fn glob(
    node: &Node,
    path: &str,
    report: &mut Report<'_>,
    build: fn(&str) -> Result<Glob, String>,
) -> Option<Glob> {
    let pattern = text(node, path, report)?;
    let refuse = |reason: String| {
        let problem = report.add(node.referenced, path, format!("found {pattern:?}: {reason}"));
        problem.expected("a glob such as curl, /usr/bin/* or *delete*");
    };
    build(&pattern).map_err(refuse).ok()
}
