//! `lists:`: named values that any rule of the set may use as `$name`.

use std::collections::HashMap;

use super::{
    section::{Reader, is_name},
    tree::{Node, Value},
};
use crate::rules::report::Report;

/// Most values that the lists of one file's rules may stand for, each time they are used.
const MAX_EXPANDED: usize = 65_536;

/// The lists of a set of files.
#[derive(Debug, Default)]
pub struct Lists(HashMap<String, List>);

#[derive(Debug)]
struct List {
    values: Vec<Value>,
    place: String,
}

impl Lists {
    /// Takes the lists of one file.
    pub fn take(&mut self, node: &Node, report: &mut Report<'_>) {
        let Value::Map(entries) = &node.value else {
            let problem = report.add(node.referenced, "lists", format!("found {}", node.value));
            problem.expected("a mapping of names to lists of values");
            return;
        };
        for (name, values) in entries {
            let path = format!("lists.{}", name.value);
            if !is_name(&name.value) {
                let problem = report.add(name.referenced, &path, format!("found {:?}", name.value));
                problem.expected("lower-case letters, digits and hyphens, at most 64");
            }
            if let Some(first) = self.0.get(&name.value) {
                let message = format!("the list {:?} is already in {}", name.value, first.place);
                report.add(name.referenced, &path, message).expected("a name of its own for every list");
                continue;
            }
            let place = format!("{}:{}", report.file, name.referenced.line());
            self.0.insert(name.value.clone(), List { values: values_of(values, &path, report), place });
        }
    }
}

fn values_of(node: &Node, path: &str, report: &mut Report<'_>) -> Vec<Value> {
    let items = match &node.value {
        Value::List(items) if !items.is_empty() => items,
        other => {
            let found =
                if matches!(other, Value::List(_)) { "found an empty list" } else { "this is no list" };
            report.add(node.referenced, path, found).expected("a list of at least one value");
            return Vec::new();
        }
    };
    let mut values = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match &item.value {
            Value::Text(text) if name_of(text).is_some() => {
                let problem = report.add(item.referenced, format!("{path}[{i}]"), format!("found {text:?}"));
                problem.hint("a list holds values, not other lists");
            }
            value @ (Value::Text(_) | Value::Integer(_)) => values.push(value.clone()),
            other => {
                let problem = report.add(item.referenced, format!("{path}[{i}]"), format!("found {other}"));
                problem.expected("text or a number");
            }
        }
    }
    values
}

/// `hosts` for the value `$hosts`.
pub fn name_of(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| is_name(name))
}

/// Reads every value of a list as if it stood at `node`.
pub fn expand<T>(node: &Node, name: &str, path: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
    let lists = std::sync::Arc::clone(&report.lists);
    let Some(list) = lists.0.get(name) else {
        let problem = report.add(node.referenced, path, format!("there is no list {name:?}"));
        problem.near(name, lists.0.keys().map(String::as_str));
        problem.expected("a list of some file's lists:");
        return Vec::new();
    };
    report.expanded += list.values.len();
    if report.expanded > MAX_EXPANDED {
        if report.expanded - list.values.len() <= MAX_EXPANDED {
            let message = format!("the file's rules use more than {MAX_EXPANDED} values of lists");
            report.add(node.referenced, path, message).hint("use shorter lists, or fewer rules with them");
        }
        return Vec::new();
    }
    let read = |(i, value): (usize, &Value)| {
        let value = Node { value: value.clone(), ..*node };
        reader(&value, &format!("{path}: ${name}[{i}] of {}", list.place), report)
    };
    list.values.iter().enumerate().filter_map(read).collect()
}
