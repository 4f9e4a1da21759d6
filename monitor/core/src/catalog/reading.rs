//! From a catalogue's text to its outermost mapping and to its entries.

use std::collections::HashMap;

use serde_json::Value as Json;
use serde_saphyr::Location;

use super::fields::{Placed, check_source, note_twice, placed_name};
use crate::{
    problem::Problems,
    yaml::{Node, Report, Section, Value, number, read_tree},
};

/// Reads a catalogue; `known` are the fields of its outermost mapping, and `make` makes of them what it is.
///
/// # Errors
/// Every problem that was noted.
pub fn read<T>(
    file: &str,
    text: &str,
    known: &[&'static str],
    make: impl FnOnce(&Section<'_>, &mut Report<'_>) -> T,
) -> Result<T, Problems> {
    let mut report = Report::new(file, text);
    let tree = read_tree(text, &mut report);
    if tree.as_ref().is_some_and(|tree| matches!(tree.value, Value::Null)) {
        let problem = report.add(Location::UNKNOWN, "", "the file is empty");
        problem.expected("version: 1 and entries").hint("without the file the built-in one is used");
        return Err(report.finish());
    }
    let section = tree.as_ref().and_then(|tree| Section::open(tree, "", known, &mut report));
    // Without a mapping that is a problem which was noted.
    let Some(section) = section else { return Err(report.finish()) };
    section.need("version", &mut report, number::<1, 1>);
    if !section.has("entries") {
        report.add(section.at(), "entries", "the field is missing").expected("a list of entries");
    }
    let made = make(&section, &mut report);
    report.finish().or(made)
}

/// An entry, with what entries of all kinds have.
pub struct Entry<'t> {
    pub section: Section<'t>,
    pub id: Placed,
}

/// Opens the entries of a list, each with an id of its own and a source.
pub fn entries<'t>(
    file: &Section<'t>,
    key: &str,
    known: &[&'static str],
    report: &mut Report<'_>,
) -> Vec<Entry<'t>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut first: HashMap<String, usize> = HashMap::new();
    for (place, node) in nodes(file, key, report).iter().enumerate() {
        let Some(section) = Section::open(node, &format!("{key}[{place}]"), known, report) else { continue };
        check_source(&section, report);
        check_doubts(&section, node, report);
        let id = section.need("id", report, placed_name);
        // An entry without an id was noted, and nothing of the file is used: its other mistakes are still told.
        let id = id.unwrap_or_else(|| Placed::new(String::new(), node, section.path()));
        if !id.value.is_empty() {
            match first.get(&id.value).and_then(|place| entries.get(*place)) {
                Some(other) => note_twice(&id, &other.id, report),
                None => drop(first.insert(id.value.clone(), entries.len())),
            }
        }
        entries.push(Entry { section, id });
    }
    entries
}

/// The items of a list that may be absent.
fn nodes<'t>(file: &Section<'t>, key: &str, report: &mut Report<'_>) -> &'t [Node] {
    match file.get(key) {
        None => &[],
        Some(Node { value: Value::List(items), .. }) => items,
        Some(node) => {
            report.add(node.referenced, key, format!("found {}", node.value)).expected("a list");
            &[]
        }
    }
}

/// `unverified` is for the file's reader: `true`, or those of the entry's values that nobody has confirmed.
fn check_doubts(section: &Section<'_>, entry: &Node, report: &mut Report<'_>) {
    let Some(doubted) = section.get("unverified") else { return };
    let values = match &doubted.value {
        Value::Bool(true) => return,
        Value::List(values) if !values.is_empty() => values,
        other => {
            let problem =
                report.add(doubted.referenced, section.field("unverified"), format!("found {other}"));
            problem.expected("true, or a list of the entry's values");
            return;
        }
    };
    let mut entry = entry.value.to_json();
    if let Json::Object(fields) = &mut entry {
        fields.shift_remove("unverified");
    }
    for (place, value) in
        values.iter().enumerate().filter(|(_, value)| !holds(&entry, &value.value.to_json()))
    {
        let field = section.field(&format!("unverified[{place}]"));
        let problem = report.add(value.referenced, field, format!("found {}", value.value));
        problem.expected("one of the entry's values");
    }
}

/// Whether `value` stands anywhere in `within`.
fn holds(within: &Json, value: &Json) -> bool {
    within == value
        || match within {
            Json::Array(items) => items.iter().any(|item| holds(item, value)),
            Json::Object(fields) => fields.values().any(|field| holds(field, value)),
            _ => false,
        }
}
