//! Notes where the parts of a rule are written.

use crate::{
    problem::Problem,
    rules::places::Places,
    yaml::{Citation, Node, Report, Value},
};

/// Of the rule at `node`; `cited` are the names in it.
pub fn places(node: &Node, path: &str, cited: Vec<Citation>, report: &Report<'_>) -> Places {
    let mut fields = Vec::new();
    collect(node, path, "", report, &mut fields);
    let rule = report.problem(node.referenced, path, "");
    Places::new(rule, fields, cited, path)
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
