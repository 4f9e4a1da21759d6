//! One file as a tree, and its parts.

use serde_saphyr::Location;

use crate::{
    rules::grammar,
    yaml::{Lists, Node, Report, Section, Value, number, read_tree},
};

/// One file on its way from text to rules.
pub struct Document<'a> {
    pub report: Report<'a>,
    pub tree: Option<Node>,
}

impl<'a> Document<'a> {
    /// Reads a file's text.
    pub fn read(name: &'a str, content: &'a str) -> Self {
        let mut report = Report::new(name, content);
        let tree = read_tree(content, &mut report);
        if matches!(&tree, Some(node) if matches!(node.value, Value::Null)) {
            let problem = report.add(Location::UNKNOWN, "", "the file holds no rules");
            problem
                .expected("\"version: 1\" and a list of rules")
                .hint("remove the file if it is not needed");
            return Self { report, tree: None };
        }
        Self { report, tree }
    }

    /// The file's part of that name, without a word about the others.
    pub fn part(&self, name: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.tree.as_ref()?.value else { return None };
        entries.iter().find(|(key, _)| key.value == name).map(|(_, node)| node)
    }

    /// Reports what is wrong with the file's parts.
    pub fn check(&mut self) {
        let Some(tree) = &self.tree else { return };
        let Some(section) = Section::open(tree, "", grammar::FILE, &mut self.report) else { return };
        section.need("version", &mut self.report, number::<1, 1>);
        if !grammar::PARTS.into_iter().any(|part| section.has(part)) {
            let problem = self.report.add(section.at(), "rules", "the field is missing");
            problem.expected(format!("a list of {}", grammar::PARTS.join(", or ")));
        }
    }

    /// Takes the file's lists.
    pub fn take_lists(&mut self, lists: &mut Lists) {
        let Value::Map(entries) = (match &self.tree {
            Some(tree) => &tree.value,
            None => return,
        }) else {
            return;
        };
        if let Some((_, node)) = entries.iter().find(|(key, _)| key.value == "lists") {
            lists.take(node, &mut self.report);
        }
    }
}
