//! Rules files to rules, or to every problem in them at once.

mod checks;
mod conditions;
mod section;
mod tree;

use std::{collections::HashMap, path::PathBuf};

use serde_saphyr::{DuplicateKeyPolicy, Error};

use self::{
    section::{Section, duration, flag, number, text, word},
    tree::{Node, Value},
};
use super::{
    model::{Conditions, Rule, Source, Threshold, Timeout},
    problem::{Problem, Problems, Report},
};
use crate::{
    control::api::Mode,
    facts::{Action, Severity},
};

/// Most rules of one set; a session keeps at most one window for each.
pub const MAX_RULES: usize = 4096;

const FIELDS: [&str; 12] = [
    "id",
    "summary",
    "on",
    "match",
    "when",
    "threshold",
    "action",
    "timeout",
    "severity",
    "risk",
    "enabled",
    "mode",
];

/// Parses files in the given order.
///
/// # Errors
/// Every problem of every file, in the order of files and lines.
pub fn parse(files: &[(PathBuf, String)]) -> Result<Vec<Rule>, Problems> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut problems = Vec::new();
    let mut ids: HashMap<String, Source> = HashMap::new();
    for (path, content) in files {
        let name = path.display().to_string();
        let mut report = Report::new(&name, content);
        for (node, rule) in parse_file(content, &mut report) {
            match ids.get(&rule.id) {
                Some(first) => {
                    let message = format!("the id {:?} is taken by {}:{}", rule.id, first.file, first.line);
                    report.add(node.referenced, "id", message).expected("an id of its own for every rule");
                }
                None => {
                    ids.insert(rule.id.clone(), rule.source.clone());
                }
            }
            rules.push(rule);
        }
        problems.extend(report.finish());
    }
    if rules.len() > MAX_RULES {
        let message = format!("found {} rules; at most {MAX_RULES} are supported", rules.len());
        problems.push(Problem::of_file("rules", message));
    }
    if problems.is_empty() { Ok(rules) } else { Err(Problems(problems)) }
}

/// The file's rules, each with the node of its id; what cannot be read is reported and left out.
fn parse_file(content: &str, report: &mut Report<'_>) -> Vec<(Node, Rule)> {
    let Some(document) = read_tree(content, report) else { return Vec::new() };
    if matches!(document.value, Value::Null) {
        let problem = report.add(serde_saphyr::Location::UNKNOWN, "", "the file holds no rules");
        problem.expected("\"version: 1\" and a list of rules").hint("remove the file if it is not needed");
        return Vec::new();
    }
    let Some(section) = Section::open(&document, "", &["version", "rules"], report) else {
        return Vec::new();
    };
    section.need("version", report, number::<1, 1>);
    if !section.has("rules") {
        report.add(section.at(), "rules", "the field is missing").expected("a list of rules");
        return Vec::new();
    }
    section.read("rules", report, rules).unwrap_or_default()
}

fn rules(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Vec<(Node, Rule)>> {
    let Value::List(items) = &node.value else {
        report.add(node.referenced, path, format!("found {}", node.value)).expected("a list of rules");
        return None;
    };
    if items.is_empty() {
        report.add(node.referenced, path, "found an empty list").expected("at least one rule");
    }
    let read = |(i, item)| rule(item, &format!("{path}[{i}]"), report);
    Some(items.iter().enumerate().filter_map(read).collect())
}

/// Reads the YAML. A key that is there twice is reported, and the rest is still read.
fn read_tree(content: &str, report: &mut Report<'_>) -> Option<Node> {
    let read = |duplicate_keys| {
        let options = serde_saphyr::options! {
            duplicate_keys: duplicate_keys,
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options::<Node>(content, options)
    };
    let error = match read(DuplicateKeyPolicy::Error) {
        Ok(document) => return Some(document),
        Err(error) => error,
    };
    let at = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a field");
            report.add(at, key, "the field is there twice").expected("each field once");
            read(DuplicateKeyPolicy::FirstWins).ok()
        }
        Error::MultipleDocuments { .. } => {
            let problem = report.add(at, "", "found a second YAML document");
            problem
                .expected("one document a file")
                .hint("put its rules into the first list, or another file");
            None
        }
        other => {
            let text = other.to_string();
            let place = format!(" at line {}, column {}", at.line(), at.column());
            report.add(at, "", format!("this is not YAML: {}", text.strip_suffix(&place).unwrap_or(&text)));
            None
        }
    }
}

fn rule(node: &Node, path: &str, report: &mut Report<'_>) -> Option<(Node, Rule)> {
    let before = report.len();
    let section = Section::open(node, path, &FIELDS, report)?;
    if section.has("when") {
        let hint = "say it with match and threshold, or remove it";
        section.refuse("when", report, "CEL guards are not built yet, and a guard is never ignored", hint);
    }
    let id = section.need("id", report, id);
    let summary = section.need("summary", report, text);
    let on = section.need("on", report, word);
    let action = section.need("action", report, word);
    let conditions: Option<Conditions> = section.need("match", report, conditions::conditions);
    let threshold = section.read("threshold", report, threshold);
    let timeout = section.read("timeout", report, timeout);
    let severity = section.read("severity", report, word).unwrap_or(Severity::Medium);
    let risk = section.read("risk", report, number::<0, 100>).unwrap_or(0);
    let enabled = section.read("enabled", report, flag).unwrap_or(true);
    let mode = section.read("mode", report, word).unwrap_or(Mode::Enforce);
    if let (Some(on), Some(action)) = (on, action) {
        checks::check(&section, on, action, conditions.as_ref(), threshold.as_ref(), report);
    }
    if report.len() > before {
        return None;
    }
    let (id, summary, on, action, conditions) = (id?, summary?, on?, action?, conditions?);
    let timeout = (action == Action::Hold).then(|| timeout.unwrap_or_default());
    let at = node.referenced;
    let source = Source { file: report.file.to_owned(), line: at.line(), column: at.column() };
    let key = monitor_common::hash::name(monitor_common::hash::EXACT, id.as_bytes());
    let place = Node { value: Value::Null, ..*section.get("id")? };
    let rule = Rule {
        id,
        summary,
        on,
        conditions,
        threshold,
        action,
        timeout,
        severity,
        risk,
        enabled,
        mode,
        source,
        key,
    };
    Some((place, rule))
}

/// An id becomes a metric's label and a word on a command line.
fn id(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let id = text(node, path, report)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.len() <= 64 && id.chars().all(plain) {
        return Some(id);
    }
    let problem = report.add(node.referenced, path, format!("found {id:?}"));
    problem.expected("lower-case letters, digits and hyphens, at most 64");
    None
}

fn threshold(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Threshold> {
    const MOST: u32 = Threshold::MAX as u32;
    let section = Section::open(node, path, &["count", "distinct", "within"], report)?;
    let count = section.need("count", report, number::<2, MOST>);
    let distinct = section.read("distinct", report, word);
    let within = section.need("within", report, duration);
    Some(Threshold { count: count? as usize, distinct, within: within? })
}

fn timeout(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Timeout> {
    let section = Section::open(node, path, &["after", "then"], report)?;
    let after = section.need("after", report, duration);
    let then: Action = section.need("then", report, word)?;
    if !matches!(then, Action::Deny | Action::Freeze | Action::Kill) {
        let hint = "silence never means yes: use deny, freeze or kill";
        section.refuse("then", report, "that is no answer to silence", hint);
        return None;
    }
    Some(Timeout { after: after?, then })
}
