//! Reads `lists:`.

use crate::yaml::{List, Lists, Node, Report, Value, is_name, name_of};

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
            let place = format!("{}:{}", report.file(), name.referenced.line());
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
