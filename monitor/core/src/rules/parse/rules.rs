//! The rules of all files, while they are read.

use std::collections::{HashMap, HashSet};

use super::{document::Document, rule::rule};
use crate::{
    facts::Action,
    problem::Problem,
    rules::model::{MAX_RULES, MAX_SEQUENCES, Rule},
    yaml::{Citation, Node, Noun, Report, Value, each},
};

/// What whoever begins with a copy of the built-in rules wants.
const CHANGE_BUILTIN: &str =
    "change the built-in rule with override, or leave all of them out with builtin: replace";

/// The rules of a set of files, each known by its id.
#[derive(Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
    pub by_id: HashMap<String, usize>,
    /// Ids of rules that have mistakes of their own: naming them is not another one.
    pub broken: HashSet<String>,
    /// Name of the file of the built-in rules.
    builtin: String,
}

impl Rules {
    /// None yet; `builtin` names the file of those that are built in.
    pub fn after(builtin: &str) -> Self {
        Self { builtin: builtin.to_owned(), ..Self::default() }
    }

    /// Reads the rules of one file.
    pub fn read(&mut self, document: &mut Document<'_>) {
        let Document { report, tree: Some(tree) } = document else { return };
        let Value::Map(entries) = &tree.value else { return };
        let Some((_, node)) = entries.iter().find(|(key, _)| key.value == "rules") else { return };
        self.broken.extend(ids(node));
        for (place, rule) in each(node, "rules", report, rule) {
            match self.by_id.get(&rule.id).and_then(|first| self.rules.get(*first)) {
                Some(Rule { source: first, .. }) => {
                    let message = format!("the id {:?} is taken by {}:{}", rule.id, first.file, first.line);
                    let builtin = (first.file == self.builtin).then_some(CHANGE_BUILTIN);
                    let problem = report.add(place.referenced, "id", message);
                    problem.expected("an id of its own for every rule").hint = builtin.map(str::to_owned);
                }
                None => {
                    self.by_id.insert(rule.id.clone(), self.rules.len());
                    self.broken.remove(&rule.id);
                }
            }
            self.rules.push(rule);
        }
    }

    /// The rule of that id.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Rule> {
        self.by_id.get(id).and_then(|place| self.rules.get_mut(*place))
    }

    /// An exception that excuses a rule which is not there would excuse nothing.
    pub fn check_excuses(&self, report: &mut Report<'_>) {
        let cited: Vec<_> =
            report.citations.iter().filter(|citation| citation.noun == Noun::Rule).cloned().collect();
        for Citation { name, place, .. } in cited {
            let mut problem = place;
            match self.by_id.get(&name).and_then(|place| self.rules.get(*place)) {
                None if self.broken.contains(&name) => continue,
                None => {
                    problem.message = format!("there is no rule {name:?}");
                    problem.near(&name, self.by_id.keys().map(String::as_str));
                    problem.expected("the id of a rule");
                }
                Some(rule) if rule.action == Action::Allow => {
                    problem.message = format!("the rule {name:?} is an exception itself");
                    problem.expected("the id of a rule that does something");
                }
                Some(_) => continue,
            }
            report.push(problem);
        }
    }

    /// Reports a set that is too large.
    pub fn check_size(&self) -> Vec<Problem> {
        let sequences = self.rules.iter().filter(|rule| rule.after.is_some()).count();
        let limits = [(self.rules.len(), MAX_RULES, "rules"), (sequences, MAX_SEQUENCES, "rules with after")];
        let over = limits.into_iter().filter(|(found, most, _)| found > most);
        over.map(|(found, most, what)| {
            Problem::of_file("rules", format!("found {found} {what}; at most {most} are supported"))
        })
        .collect()
    }
}

/// The ids that a list of rules has as it is written.
fn ids(rules: &Node) -> impl Iterator<Item = String> {
    let items = if let Value::List(items) = &rules.value { items.as_slice() } else { &[] };
    items.iter().filter_map(|rule| {
        let Value::Map(fields) = &rule.value else { return None };
        let (_, id) = fields.iter().find(|(name, _)| name.value == "id")?;
        if let Value::Text(id) = &id.value { Some(id.clone()) } else { None }
    })
}
