//! Where the parts of a rule are written, for what is found only once everything has been read.

use std::sync::Arc;

use super::{
    parse::tree::{Node, Value},
    problem::Problem,
    report::{Citation, Report},
    vocabulary::Noun,
};

/// The places of one rule.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Written>);

#[derive(Debug, Default)]
struct Written {
    rule: Problem,
    /// Every field below the rule, by its path from there: `match.destination.named`.
    fields: Vec<(String, Problem)>,
    cited: Vec<Citation>,
    /// Path of the rule: `rules[2]`.
    path: String,
}

impl Places {
    /// Of the rule at `node`; `cited` are the names in it.
    pub fn of(node: &Node, path: &str, cited: Vec<Citation>, report: &Report<'_>) -> Self {
        let mut fields = Vec::new();
        collect(node, path, "", report, &mut fields);
        let rule = report.problem(node.referenced, path, "");
        Self(Arc::new(Written { rule, fields, cited, path: path.to_owned() }))
    }

    /// A problem of a field of the rule, or of the rule where it has no such field.
    pub fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        let found = self.0.fields.iter().find(|(path, _)| path == field).map(|(_, place)| place);
        Problem { message: message.into(), ..found.unwrap_or(&self.0.rule).clone() }
    }

    /// The names that stand below a field: `match.`.
    pub fn cited(&self, noun: Noun, below: &str) -> impl Iterator<Item = &Citation> {
        let prefix = format!("{}.{below}", self.0.path);
        self.0.cited.iter().filter(move |one| one.noun == noun && one.place.field.starts_with(&prefix))
    }
}

/// Lists of values are not gone into: their places are those of the names in them.
fn collect(node: &Node, path: &str, own: &str, report: &Report<'_>, fields: &mut Vec<(String, Problem)>) {
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let below = if own.is_empty() { key.value.clone() } else { format!("{own}.{}", key.value) };
                let place = report.problem(value.referenced, format!("{path}.{}", key.value), "");
                fields.push((below.clone(), place));
                collect(value, &format!("{path}.{}", key.value), &below, report, fields);
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate().filter(|(_, item)| matches!(item.value, Value::Map(_)))
            {
                let (path, below) = (format!("{path}[{at}]"), format!("{own}[{at}]"));
                fields.push((below.clone(), report.problem(item.referenced, path.clone(), "")));
                collect(item, &path, &below, report, fields);
            }
        }
        _ => {}
    }
}
