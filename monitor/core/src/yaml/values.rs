//! Readers of single values.

use super::{
    name::is_name,
    report::Report,
    tree::{Node, Value},
};
use crate::words::Word;

pub fn name(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let name = text(node, path, report)?;
    if is_name(&name) {
        return Some(name);
    }
    let problem = report.add(node.referenced, path, format!("found {name:?}"));
    problem.expected("lower-case letters, digits and hyphens, at most 64");
    None
}

/// Text that is not empty.
pub fn text(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    match &node.value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        other => {
            let problem = report.add(node.referenced, path, format!("found {other}"));
            problem.expected("text");
            if matches!(other, Value::Bool(_) | Value::Integer(_) | Value::Float(_)) {
                problem.hint("put it in quotes");
            }
            None
        }
    }
}

pub fn flag(node: &Node, path: &str, report: &mut Report<'_>) -> Option<bool> {
    if let Value::Bool(value) = node.value {
        return Some(value);
    }
    report.add(node.referenced, path, format!("found {}", node.value)).expected("true or false");
    None
}

/// A whole number from `LOW` to `HIGH`.
pub fn number<const LOW: u32, const HIGH: u32>(
    node: &Node,
    path: &str,
    report: &mut Report<'_>,
) -> Option<u32> {
    if let Value::Integer(value) = node.value
        && let Ok(value) = u32::try_from(value)
        && (LOW..=HIGH).contains(&value)
    {
        return Some(value);
    }
    let problem = report.add(node.referenced, path, format!("found {}", node.value));
    problem.expected(if LOW == HIGH { LOW.to_string() } else { format!("a number from {LOW} to {HIGH}") });
    None
}

/// A word of a closed list.
pub fn word<T: Word>(node: &Node, path: &str, report: &mut Report<'_>) -> Option<T> {
    if let Value::Text(text) = &node.value
        && let Some(value) = T::from_word(text)
    {
        return Some(value);
    }
    let words = || T::WORDS.iter().map(|(word, _)| *word);
    let problem = report.add(node.referenced, path, format!("found {}", node.value));
    if let Value::Text(text) = &node.value {
        problem.near(text, words());
    }
    problem.expected(words().collect::<Vec<_>>().join(", "));
    None
}
