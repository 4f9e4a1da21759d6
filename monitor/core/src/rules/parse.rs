//! Rules files to rules, or to every problem in them at once.

mod builtin;
mod checks;
mod conditions;
mod document;
mod excerpt;
mod lists;
mod overrides;
mod packs;
mod places;
mod rule;
mod rules;
mod terms;

use std::{path::PathBuf, sync::Arc};

use self::{document::Document, rules::Rules};
use super::{builtin::Base, model::Rule, packs::choice::Choice, sense};
use crate::{
    problem::{Problem, Problems},
    yaml::{Citation, Lists, Noun},
};

/// What files say, checked.
#[derive(Debug)]
pub struct Parsed {
    pub rules: Vec<Rule>,
    /// Names that only the catalogue can judge.
    pub citations: Vec<Citation>,
    /// In the order of files and lines: a later choice wins.
    pub packs: Vec<Choice>,
    /// The built-in rules are part of the set, before all files.
    pub on_builtin: bool,
    /// Where a file says that they are not.
    pub replaced: Option<String>,
}

/// Parses files in the given order. They extend the rules of `base`, unless one of them says that it replaces these.
///
/// # Errors
/// Every problem of every file, in the order of files and lines.
pub fn parse(base: Base<'_>, files: &[(PathBuf, String)]) -> Result<Parsed, Problems> {
    let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    let mut documents: Vec<Document<'_>> =
        names.iter().zip(files).map(|(name, (_, content))| Document::read(name, content)).collect();
    // All are read: each may have a mistake there.
    let replaced = documents.iter_mut().filter_map(builtin::replaced).reduce(|first, _| first);
    let is_among = files.iter().any(|(_, content)| content == base.text);
    let on_builtin = replaced.is_none() && !is_among && !files.is_empty();
    if on_builtin {
        documents.insert(0, Document::read(base.name, base.text));
    }
    let mut lists = Lists::default();
    for document in &mut documents {
        document.check();
        document.take_lists(&mut lists);
    }
    let lists = Arc::new(lists);
    let mut rules = Rules::after(base.name);
    for document in &mut documents {
        document.report.lists = Some(Arc::clone(&lists));
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
    Ok(Parsed { rules: rules.rules, citations, packs, on_builtin, replaced })
}
