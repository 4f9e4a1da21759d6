//! Reads one rule.

use std::sync::LazyLock;

use regex::Regex;

use super::{checks, conditions, excerpt::excerpt, places::places, terms::terms};
use crate::{
    facts::{Action, Kind, Mode, Severity},
    rules::{
        conditions::Conditions,
        duration::duration,
        grammar::{self, ADDRESS, TECHNIQUE},
        guard::Guard,
        model::{Order, Rule, Sequence, Source, Step, Threshold, Timeout},
    },
    yaml::{Node, Noun, Report, Section, Value, flag, name, number, text, word},
};

/// A rule with the node of its id.
pub fn rule(node: &Node, path: &str, report: &mut Report<'_>) -> Option<(Node, Rule)> {
    let before = report.len();
    let cited = report.citations.len();
    let section = Section::open(node, path, grammar::RULE, report)?;
    let id = section.need("id", report, name);
    let summary = section.need("summary", report, text);
    let on = section.need("on", report, word);
    let action = section.need("action", report, word);
    let conditions: Option<Conditions> = section.need("match", report, conditions::conditions);
    let except = section.each("except", report, conditions::conditions);
    let guard = on.and_then(|on| guard(&section, on, report));
    let after = section.read("after", report, sequence);
    let threshold = section.read("threshold", report, threshold);
    let moment = section.read("before", report, word).unwrap_or_default();
    let timeout = section.read("timeout", report, timeout);
    let approve = section.read("approve", report, terms);
    let excuses = section.list("excuses", report, excused);
    let severity = section.read("severity", report, word).unwrap_or(Severity::Medium);
    let risk = section.read("risk", report, number::<0, 100>).unwrap_or(0);
    let enabled = section.read("enabled", report, flag).unwrap_or(true);
    let mode = section.read("mode", report, word).unwrap_or(Mode::Enforce);
    let tags = section.list("tags", report, technique);
    let references = section.list("references", report, address);
    if let (Some(on), Some(action)) = (on, action) {
        checks::check(&section, on, action, conditions.as_ref(), threshold.as_ref(), report);
        check_matches(&section, on, report);
    }
    if report.len() > before {
        return None;
    }
    let (id, summary, on, action, conditions) = (id?, summary?, on?, action?, conditions?);
    let key = monitor_common::hash::name(monitor_common::hash::EXACT, id.as_bytes());
    let rule = Rule {
        after: after.map(|after| Sequence { key: after.key ^ key.rotate_left(1), ..after }),
        id,
        summary,
        on,
        conditions,
        except,
        guard,
        threshold,
        action,
        before: moment,
        excuses,
        timeout: (action == Action::Hold).then(|| timeout.unwrap_or_default()),
        terms: approve.filter(|_| action == Action::Hold).unwrap_or_default(),
        severity,
        risk,
        enabled,
        mode,
        tags,
        references,
        source: source(node, report),
        places: places(node, path, report.citations.split_at(cited).1.to_vec(), report),
        overridden: Vec::new(),
        key,
    };
    let place = Node { value: Value::Null, ..*section.get("id")? };
    Some((place, rule))
}

/// Where a rule or an override begins.
pub fn source(node: &Node, report: &Report<'_>) -> Source {
    let at = node.referenced;
    let text = excerpt(report.lines(), at.line(), at.column()).into();
    Source { file: report.file().to_owned(), line: at.line(), column: at.column(), text }
}

/// The parts of `match`, of every exception and of every step must be of the kind that is looked at.
fn check_matches(section: &Section<'_>, on: Kind, report: &mut Report<'_>) {
    if let Some(node) = section.get("match") {
        checks::check_parts(node, &section.field("match"), on, report);
    }
    check_exceptions(section, on, report);
}

pub fn check_exceptions(section: &Section<'_>, on: Kind, report: &mut Report<'_>) {
    let Some(Node { value: Value::List(exceptions), .. }) = section.get("except") else { return };
    for (i, node) in exceptions.iter().enumerate() {
        checks::check_parts(node, &section.field(&format!("except[{i}]")), on, report);
    }
}

fn guard(section: &Section<'_>, on: Kind, report: &mut Report<'_>) -> Option<Guard> {
    let written = section.read("when", report, text)?;
    let (node, field) = (section.get("when")?, section.field("when"));
    let (guard, mistakes) = match Guard::compile(&written, on) {
        Ok(guard) => {
            let constants = guard.constants();
            (Some(guard), constants)
        }
        Err(mistakes) => (None, mistakes),
    };
    for (place, problem) in mistakes {
        report.push_inside(node.referenced, &field, &written, place, problem);
    }
    guard
}

fn sequence(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Sequence> {
    let section = Section::open(node, path, grammar::AFTER, report)?;
    if !section.has("steps") {
        report.add(section.at(), section.field("steps"), "the field is missing");
    }
    let steps = section.each("steps", report, step);
    let order = section.read("order", report, word);
    let within = section.need("within", report, duration);
    if steps.len() > Sequence::MAX_STEPS {
        let message = format!("found {} steps; at most {} are remembered", steps.len(), Sequence::MAX_STEPS);
        section.refuse("steps", report, &message, "leave out what the others imply");
    }
    for (i, step) in steps.iter().enumerate() {
        if steps.iter().take(i).any(|other| other.id == step.id) {
            let message = format!("two steps are called {:?}", step.id);
            section.refuse("steps", report, &message, "give each step an id of its own");
        }
    }
    if steps.len() > 1 && !section.has("order") {
        let message = "it is not said whether the order of the steps matters";
        report.add(section.at(), section.field("order"), message).expected("listed or any");
    }
    let key = key_of(&steps);
    Some(Sequence { steps, order: order.unwrap_or(Order::Listed), within: within?, key })
}

/// A sequence with other steps is another sequence: what a session did for the old one is no part of it.
fn key_of(steps: &[Step]) -> u64 {
    let written = serde_json::to_vec(steps).unwrap_or_default();
    monitor_common::hash::name(monitor_common::hash::EXACT, &written)
}

fn step(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Step> {
    let section = Section::open(node, path, grammar::STEP, report)?;
    let id = section.need("id", report, name);
    let on = section.need("on", report, word);
    let conditions = section.need("match", report, conditions::conditions);
    if let (Some(on), Some(node)) = (on, section.get("match")) {
        checks::check_parts(node, &section.field("match"), on, report);
    }
    Some(Step { id: id?, on: on?, conditions: conditions? })
}

pub fn threshold(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Threshold> {
    const MOST: u32 = Threshold::MAX as u32;
    let section = Section::open(node, path, grammar::THRESHOLD, report)?;
    let count = section.need("count", report, number::<2, MOST>);
    let distinct = section.read("distinct", report, word);
    let within = section.need("within", report, duration);
    Some(Threshold { count: count? as usize, distinct, within: within? })
}

pub fn timeout(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Timeout> {
    let section = Section::open(node, path, grammar::TIMEOUT, report)?;
    let after = section.need("after", report, duration);
    let then: Action = section.need("then", report, word)?;
    if !matches!(then, Action::Deny | Action::Freeze | Action::Kill) {
        let hint = "silence never means yes: use deny, freeze or kill";
        section.refuse("then", report, "that is no answer to silence", hint);
        return None;
    }
    Some(Timeout { after: after?, then })
}

fn excused(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let id = name(node, path, report)?;
    report.cite(node.referenced, path, Noun::Rule, &id);
    Some(id)
}

fn technique(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(TECHNIQUE).ok());
    formed(node, path, report, &FORM, "a technique of MITRE ATT&CK such as T1552 or T1552.001")
}

fn address(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(ADDRESS).ok());
    formed(node, path, report, &FORM, "an address such as https://example.com/page")
}

/// Text of one form of the grammar's.
fn formed(
    node: &Node,
    path: &str,
    report: &mut Report<'_>,
    form: &Option<Regex>,
    expected: &str,
) -> Option<String> {
    let text = text(node, path, report)?;
    if form.as_ref().is_some_and(|form| form.is_match(&text)) {
        return Some(text);
    }
    report.add(node.referenced, path, format!("found {text:?}")).expected(expected);
    None
}
