//! Readers that the three catalogues share. Each notes what is wrong at its place and goes on.

use std::net::IpAddr;

use globset::{GlobSet, GlobSetBuilder};
use serde_saphyr::Location;

use super::{
    command::CommandPattern,
    pattern::{expand_braces, glob},
};
use crate::yaml::{Node, Report, Section, Value, name};

/// A value of a catalogue, with the place where it is written.
#[derive(Clone, Debug)]
pub struct Placed<T = String> {
    pub value: T,
    pub at: Location,
    /// `entries[3].hosts[0]`.
    pub field: String,
}

impl<T> Placed<T> {
    pub fn new(value: T, node: &Node, field: &str) -> Self {
        Self { value, at: node.referenced, field: field.to_owned() }
    }
}

/// Any text, also none.
pub fn any(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    if let Value::Text(text) = &node.value {
        return Some(text.clone());
    }
    let problem = report.add(node.referenced, path, format!("found {}", node.value));
    problem.expected("text");
    if matches!(node.value, Value::Bool(_) | Value::Integer(_) | Value::Float(_)) {
        problem.hint("put it in quotes");
    }
    None
}

pub fn placed(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Placed> {
    any(node, path, report).map(|text| Placed::new(text, node, path))
}

pub fn placed_name(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Placed> {
    name(node, path, report).map(|name| Placed::new(name, node, path))
}

pub fn address(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Placed<IpAddr>> {
    let text = any(node, path, report)?;
    let Ok(address) = text.parse() else {
        let problem = report.add(node.referenced, path, format!("found {text:?}"));
        problem.expected("an address, such as 192.0.2.10 or 2001:db8::1");
        return None;
    };
    Some(Placed::new(address, node, path))
}

/// The texts of a list; none where it is absent.
pub fn texts(section: &Section<'_>, key: &str, report: &mut Report<'_>) -> Vec<String> {
    section.items(key, report, any)
}

/// The same, each with its place.
pub fn written(section: &Section<'_>, key: &str, report: &mut Report<'_>) -> Vec<Placed> {
    section.items(key, report, placed)
}

/// The pattern with its braces written out, where it begins with one of `starts`; `None` after a problem was noted.
pub fn path_pattern(pattern: &Placed, starts: &[&str], report: &mut Report<'_>) -> Option<Vec<Placed>> {
    let Placed { value, at, field } = pattern;
    if !starts.iter().any(|start| value.starts_with(start)) {
        let starts: Vec<String> = starts.iter().map(|start| format!("{start}…")).collect();
        report.add(*at, field, format!("found {value:?}")).expected(starts.join(" or "));
    }
    let Some(texts) = expand_braces(value) else {
        report.add(*at, field, format!("found {value:?}")).expected("braces that match");
        return None;
    };
    Some(texts.into_iter().map(|value| Placed { value, ..pattern.clone() }).collect())
}

/// Where a fact is from. A catalogue that nobody can check again is worth little.
pub fn check_source(section: &Section<'_>, report: &mut Report<'_>) {
    let is_empty = |node: &&Node| matches!(&node.value, Value::Text(text) if text.trim().is_empty());
    match section.get("source").filter(|node| !is_empty(node)) {
        Some(node) => drop(any(node, &section.field("source"), report)),
        None => {
            let at = section.get("source").map_or(section.at(), |node| node.referenced);
            let problem = report.add(at, section.field("source"), "there is no source");
            problem.expected("text").hint("say where the fact is from");
        }
    }
}

/// Compiles globs, whose `*` never matches a slash; a bad one is noted and left out.
pub fn globs<'p>(patterns: impl IntoIterator<Item = &'p Placed>, report: &mut Report<'_>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    let mut last = None;
    for pattern in patterns {
        match glob(&pattern.value) {
            Ok(compiled) => drop(set.add(compiled)),
            Err(error) => {
                let problem = report.add(pattern.at, &pattern.field, format!("found {:?}", pattern.value));
                problem.expected("a glob").hint(error.kind().to_string());
            }
        }
        last = Some(pattern);
    }
    set.build().unwrap_or_else(|error| {
        if let Some(Placed { at, field, .. }) = last {
            let problem = report.add(*at, field, format!("the globs up to here are too large: {error}"));
            problem.hint("use fewer or shorter ones");
        }
        GlobSet::empty()
    })
}

/// Reads patterns of commands; a bad one is noted and left out.
pub fn commands(section: &Section<'_>, key: &str, report: &mut Report<'_>) -> Vec<CommandPattern> {
    section.items(key, report, command)
}

fn command(node: &Node, path: &str, report: &mut Report<'_>) -> Option<CommandPattern> {
    let text = any(node, path, report)?;
    match CommandPattern::parse(&text) {
        Ok(command) => Some(command),
        Err(expected) => {
            report.add(node.referenced, path, format!("found {text:?}")).expected(expected);
            None
        }
    }
}

/// Notes that something stands in two places, and where the first is.
pub fn note_twice(placed: &Placed, first: &Placed, report: &mut Report<'_>) {
    let message = format!("{:?} is also in line {}", placed.value, first.at.line());
    report.add(placed.at, &placed.field, message).hint("keep it in one entry");
}
