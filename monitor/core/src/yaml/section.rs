//! A mapping of the tree with its known fields, and readers for the values in it.

use serde_saphyr::Location;

use super::{
    lists::{Lists, name_of},
    report::Report,
    tree::{Node, Value},
};

/// Reads one value; `None` after a problem was reported.
pub type Reader<T> = fn(&Node, &str, &mut Report<'_>) -> Option<T>;

/// Most values that the lists of one file's rules may stand for, each time they are used.
const MAX_EXPANDED: usize = 65_536;

/// A field that a mapping may have.
pub trait Named {
    fn name(&self) -> &'static str;
}

impl Named for &'static str {
    fn name(&self) -> &'static str {
        self
    }
}

/// Returns the fields' names, as messages list them.
pub fn names<N: Named>(fields: &[N]) -> String {
    fields.iter().map(Named::name).collect::<Vec<_>>().join(", ")
}

/// One mapping.
pub struct Section<'t> {
    path: String,
    at: Location,
    entries: &'t [(serde_saphyr::Spanned<String>, Node)],
}

impl<'t> Section<'t> {
    /// Opens a mapping, and reports every field that is not one of `known`.
    pub fn open<N: Named>(node: &'t Node, path: &str, known: &[N], report: &mut Report<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let problem = report.add(node.referenced, path, format!("found {}", node.value));
            problem.expected(format!("a mapping with {}", names(known)));
            return None;
        };
        let section = Self { path: path.to_owned(), at: node.referenced, entries };
        let is_known = |key: &str| known.iter().any(|field| field.name() == key);
        for (key, _) in entries.iter().filter(|(key, _)| !is_known(&key.value)) {
            let problem = report.add(key.referenced, section.field(&key.value), "there is no such field");
            problem.near(&key.value, known.iter().map(Named::name));
            problem.expected(names(known));
        }
        Some(section)
    }

    pub fn at(&self) -> Location {
        self.at
    }

    /// Number of fields that are there.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// Path of a field of this mapping.
    pub fn field(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub fn get(&self, key: &str) -> Option<&'t Node> {
        self.entries.iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Reads a field that may be absent.
    pub fn read<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Option<T> {
        self.get(key).and_then(|node| reader(node, &self.field(key), report))
    }

    /// Reads a field that must be present.
    pub fn need<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Option<T> {
        if !self.has(key) {
            report.add(self.at, self.field(key), "the field is missing");
        }
        self.read(key, report, reader)
    }

    /// Reads one value or a list of at least one; an absent field is an empty list.
    pub fn list<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
        self.get(key).map_or_else(Vec::new, |node| one_or_more(node, &self.field(key), report, reader))
    }

    /// Reads a list of at least one mapping; an absent field is an empty list.
    pub fn each<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
        self.get(key).map_or_else(Vec::new, |node| each(node, &self.field(key), report, reader))
    }

    /// Reads a list that must be present, and may have nothing in it.
    pub fn need_items<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
        if !self.has(key) {
            report.add(self.at, self.field(key), "the field is missing").expected("a list");
        }
        self.items(key, report, reader)
    }

    /// Reads a list, which may have nothing in it; an absent field is an empty one.
    pub fn items<T>(&self, key: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let path = self.field(key);
        let Value::List(items) = &node.value else {
            report.add(node.referenced, path, format!("found {}", node.value)).expected("a list");
            return Vec::new();
        };
        let read = |(i, item)| reader(item, &format!("{path}[{i}]"), report);
        items.iter().enumerate().filter_map(read).collect()
    }

    /// Whether the field is absent, or a list with nothing in it.
    pub fn is_empty(&self, key: &str) -> bool {
        self.get(key).is_none_or(|node| matches!(&node.value, Value::List(items) if items.is_empty()))
    }

    /// Reports a problem of a field that is present, at the field's value.
    pub fn refuse(&self, key: &str, report: &mut Report<'_>, message: &str, hint: &str) {
        let at = self.get(key).map_or(self.at, |node| node.referenced);
        report.add(at, self.field(key), message).hint(hint);
    }
}

/// One value or a list of at least one.
pub fn one_or_more<T>(node: &Node, path: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
    let Value::List(items) = &node.value else { return one(node, path, report, reader) };
    if items.is_empty() {
        report.add(node.referenced, path, "found an empty list").expected("at least one value");
    }
    let read = |(i, item)| one(item, &format!("{path}[{i}]"), report, reader);
    items.iter().enumerate().flat_map(read).collect()
}

/// One value, or those of the list that it names.
fn one<T>(node: &Node, path: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
    match &node.value {
        Value::Text(text)
            if let Some(lists) = report.lists.clone()
                && let Some(name) = name_of(text) =>
        {
            expand(node, name, &lists, path, report, reader)
        }
        _ => reader(node, path, report).into_iter().collect(),
    }
}

/// Reads every value of a list as if it stood at `node`.
fn expand<T>(
    node: &Node,
    name: &str,
    lists: &Lists,
    path: &str,
    report: &mut Report<'_>,
    reader: Reader<T>,
) -> Vec<T> {
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

/// A list of at least one mapping.
pub fn each<T>(node: &Node, path: &str, report: &mut Report<'_>, reader: Reader<T>) -> Vec<T> {
    let Value::List(items) = &node.value else {
        report.add(node.referenced, path, format!("found {}", node.value)).expected("a list");
        return Vec::new();
    };
    if items.is_empty() {
        report.add(node.referenced, path, "found an empty list").expected("at least one entry");
    }
    let read = |(i, item)| reader(item, &format!("{path}[{i}]"), report);
    items.iter().enumerate().filter_map(read).collect()
}
