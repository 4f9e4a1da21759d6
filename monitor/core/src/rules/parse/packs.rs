//! Reads `packs:`: which of the catalogues' packs are on, and which are off.

use super::document::Document;
use crate::{
    rules::packs::choice::{Choice, OFF, ON},
    yaml::{Node, Report, Value, is_name},
};

/// The choices of one file, in the order of its lines.
pub fn read(document: &mut Document<'_>) -> Vec<Choice> {
    let Some(node) = document.part("packs").cloned() else { return Vec::new() };
    let report = &mut document.report;
    let entries = match &node.value {
        Value::Map(entries) if !entries.is_empty() => entries,
        other => {
            let found =
                if matches!(other, Value::Map(_)) { "an empty mapping".into() } else { other.to_string() };
            let problem = report.add(node.referenced, "packs", format!("found {found}"));
            problem.expected("a mapping of packs to on or off").hint("interlock rules packs lists them");
            return Vec::new();
        }
    };
    entries.iter().filter_map(|(name, value)| choice(name, value, report)).collect()
}

fn choice(name: &serde_saphyr::Spanned<String>, value: &Node, report: &mut Report<'_>) -> Option<Choice> {
    let field = format!("packs.{}", name.value);
    if !is_name(&name.value) {
        let problem = report.add(name.referenced, &field, format!("found {:?}", name.value));
        problem.expected("lower-case letters, digits and hyphens, at most 64");
        return None;
    }
    let on = match &value.value {
        // Older YAML reads the bare words as booleans, and so do many programs that write such files.
        Value::Bool(on) => *on,
        Value::Text(word) if word == ON => true,
        Value::Text(word) if word == OFF => false,
        other => {
            let problem = report.add(value.referenced, &field, format!("found {other}"));
            problem.expected(format!("{ON} or {OFF}"));
            return None;
        }
    };
    Some(Choice {
        name: name.value.clone(),
        on,
        place: report.problem(name.referenced, field, String::new()),
    })
}
