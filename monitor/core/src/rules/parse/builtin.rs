//! Reads `builtin:`: whether the built-in rules are left out of the set.

use super::document::Document;
use crate::{rules::builtin::REPLACE, yaml::Value};

/// Where the file says so.
pub fn replaced(document: &mut Document<'_>) -> Option<String> {
    let node = document.part("builtin")?.clone();
    let report = &mut document.report;
    let place = format!("{}:{}", report.file(), node.referenced.line());
    match &node.value {
        Value::Text(word) if word == REPLACE => Some(place),
        other => {
            let problem = report.add(node.referenced, "builtin", format!("found {other}"));
            problem.expected(REPLACE).hint("without the field the rules extend the built-in ones");
            None
        }
    }
}
