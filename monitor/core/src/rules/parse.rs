//! Rules files to rules, or to every problem in them at once.

mod checks;
mod conditions;
mod excerpt;
mod lists;
mod overrides;
mod packs;
mod rule;
pub(crate) mod section;
pub(crate) mod tree;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

use serde_saphyr::{DuplicateKeyPolicy, Error, Location};

pub use self::lists::Lists;
use self::{
    section::{Section, number},
    tree::{Node, Value},
};
use super::{
    DEFAULT, DEFAULT_NAME, grammar,
    model::{MAX_RULES, MAX_SEQUENCES, Rule},
    packs::Choice,
    problem::{Problem, Problems},
    report::{Citation, Report},
    sense,
    vocabulary::Noun,
};
use crate::facts::Action;

/// What files say, checked.
#[derive(Debug)]
pub struct Parsed {
    pub rules: Vec<Rule>,
    /// Names that only the catalogue can judge.
    pub citations: Vec<Citation>,
    /// In the order of files and lines: a later choice wins.
    pub packs: Vec<Choice>,
    /// The files change the built-in rules, which are part of the set then.
    pub on_builtin: bool,
}

/// One file on its way from text to rules.
struct Document<'a> {
    report: Report<'a>,
    tree: Option<Node>,
}

impl<'a> Document<'a> {
    fn read(name: &'a str, content: &'a str) -> Self {
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
    fn part(&self, name: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.tree.as_ref()?.value else { return None };
        entries.iter().find(|(key, _)| key.value == name).map(|(_, node)| node)
    }

    fn check(&mut self) {
        let Some(tree) = &self.tree else { return };
        let Some(section) = Section::open(tree, "", grammar::FILE, &mut self.report) else { return };
        section.need("version", &mut self.report, number::<1, 1>);
        if !["rules", "override", "lists", "packs"].into_iter().any(|part| section.has(part)) {
            let problem = self.report.add(section.at(), "rules", "the field is missing");
            problem.expected("a list of rules, or override, or lists, or packs");
        }
    }

    fn take_lists(&mut self, lists: &mut Lists) {
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

/// The rules of a set of files, each known by its id.
#[derive(Default)]
struct Rules {
    rules: Vec<Rule>,
    by_id: HashMap<String, usize>,
    /// Ids of rules that have mistakes of their own: naming them is not another one.
    broken: HashSet<String>,
}

/// Parses files in the given order. Where no file has `rules`, they change the built-in ones.
///
/// # Errors
/// Every problem of every file, in the order of files and lines.
pub fn parse(files: &[(PathBuf, String)]) -> Result<Parsed, Problems> {
    let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    let mut documents: Vec<Document<'_>> =
        names.iter().zip(files).map(|(name, (_, content))| Document::read(name, content)).collect();
    let on_builtin = !documents.is_empty() && documents.iter().all(|document| document.changes_others());
    if on_builtin {
        documents.insert(0, Document::read(DEFAULT_NAME, DEFAULT));
    }
    let mut lists = Lists::default();
    for document in &mut documents {
        document.check();
        document.take_lists(&mut lists);
    }
    let lists = Arc::new(lists);
    let mut rules = Rules::default();
    for document in &mut documents {
        document.report.lists = Arc::clone(&lists);
        rules.read(document);
    }
    for document in &mut documents {
        overrides::apply(document, &mut rules);
    }
    let packs = documents.iter_mut().flat_map(packs::read).collect();
    for document in &mut documents {
        rules.check_excuses(&mut document.report);
    }
    let mut problems: Vec<_> = documents.iter_mut().flat_map(|document| document.report.finish()).collect();
    problems.extend(sense::check(&rules.rules));
    if problems.is_empty() {
        problems.extend(sense::check_shadows(&rules.rules));
    }
    let place =
        |problem: &Problem| files.iter().position(|(path, _)| path.as_os_str() == problem.file.as_str());
    problems.sort_by_key(|problem| (place(problem), problem.line, problem.column));
    problems.extend(rules.check_size());
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let citations = documents.into_iter().flat_map(|document| document.report.citations);
    let citations = citations.filter(|citation| !matches!(citation.noun, Noun::Rule | Noun::Host)).collect();
    Ok(Parsed { rules: rules.rules, citations, packs, on_builtin })
}

impl Document<'_> {
    /// The file has no rules of its own, on purpose.
    fn changes_others(&self) -> bool {
        let changes = ["override", "lists", "packs"].into_iter().any(|part| self.part(part).is_some());
        self.part("rules").is_none() && changes
    }
}

impl Rules {
    fn read(&mut self, document: &mut Document<'_>) {
        let Document { report, tree: Some(tree) } = document else { return };
        let Value::Map(entries) = &tree.value else { return };
        let Some((_, node)) = entries.iter().find(|(key, _)| key.value == "rules") else { return };
        self.broken.extend(ids(node));
        for (place, rule) in section::each(node, "rules", report, rule::rule) {
            match self.by_id.get(&rule.id).and_then(|first| self.rules.get(*first)) {
                Some(Rule { source: first, .. }) => {
                    let message = format!("the id {:?} is taken by {}:{}", rule.id, first.file, first.line);
                    report.add(place.referenced, "id", message).expected("an id of its own for every rule");
                }
                None => {
                    self.by_id.insert(rule.id.clone(), self.rules.len());
                    self.broken.remove(&rule.id);
                }
            }
            self.rules.push(rule);
        }
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Rule> {
        self.by_id.get(id).and_then(|place| self.rules.get_mut(*place))
    }

    /// An exception that excuses a rule which is not there would excuse nothing.
    fn check_excuses(&self, report: &mut Report<'_>) {
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

    fn check_size(&self) -> Vec<Problem> {
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

/// Reads the YAML. A key that is there twice is reported, and the rest is still read.
pub(crate) fn read_tree(content: &str, report: &mut Report<'_>) -> Option<Node> {
    let read = |duplicate_keys| {
        let options = serde_saphyr::options! {
            duplicate_keys: duplicate_keys,
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options::<Node>(content, options)
    };
    let error = match read(DuplicateKeyPolicy::Error) {
        Ok(document) => return Some(document),
        Err(error) => error,
    };
    let at = error.location().unwrap_or(Location::UNKNOWN);
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a field");
            report.add(at, key, "the field is there twice").expected("each field once");
            read(DuplicateKeyPolicy::FirstWins).ok()
        }
        Error::MultipleDocuments { .. } => {
            let problem = report.add(at, "", "found a second YAML document");
            problem
                .expected("one document a file")
                .hint("put its rules into the first list, or another file");
            None
        }
        other => {
            let text = other.to_string();
            let place = format!(" at line {}, column {}", at.line(), at.column());
            report.add(at, "", format!("this is not YAML: {}", text.strip_suffix(&place).unwrap_or(&text)));
            None
        }
    }
}
