//! A set of rules, checked and indexed.

use std::{path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    builtin::Base,
    compile::gates::Gates,
    index::Index,
    model::Rule,
    packs::choice::Choice,
    parse::{self, Parsed},
};
use crate::{
    hex::hex,
    problem::{Problem, Problems},
    yaml::Citation,
};

/// Checked rules, indexed for evaluation. Immutable: a reload makes a new set.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) rules: Vec<Arc<Rule>>,
    /// Of `rules`.
    pub(super) index: Index,
    /// Every step of every sequence: the rule's position, and the step's in its sequence.
    pub(super) steps: Vec<(usize, usize)>,
    /// Of `steps`.
    pub(super) step_index: Index,
    pub(super) citations: Vec<Citation>,
    pub(super) sha256: String,
    pub(super) gates: Gates,
    pub(super) packs: Vec<Choice>,
    builtin: usize,
    replaced: Option<String>,
}

impl RuleSet {
    /// Parses files in the given order. They extend the built-in rules, unless one of them says `builtin: replace`; a copy of
    /// these among the files stands for them.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn parse(files: &[(PathBuf, String)]) -> Result<Self, Problems> {
        Self::parse_on(Base::BUILTIN, files)
    }

    /// As [`RuleSet::parse`], with `base` in place of the built-in rules.
    ///
    /// # Errors
    /// As there.
    pub fn parse_on(base: Base<'_>, files: &[(PathBuf, String)]) -> Result<Self, Problems> {
        let Parsed { rules, citations, packs, on_builtin, replaced } = parse::parse(base, files)?;
        let rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        if rules.is_empty() {
            let mut problem = Problem::of_file("rules", "there are no rules at all");
            if let Some(place) = replaced {
                problem.hint(format!("{place} leaves the built-in ones out"));
            }
            return Err(Problems(vec![problem]));
        }
        let enabled = || rules.iter().enumerate().filter(|(_, rule)| rule.enabled);
        let index = Index::new(
            (0..)
                .zip(&rules)
                .filter(|(_, rule)| rule.enabled)
                .map(|(i, rule)| (i, rule.on, &rule.conditions)),
        );
        let sequences = enabled().filter_map(|(i, rule)| Some((i, rule.after.as_ref()?)));
        let steps: Vec<_> = sequences
            .flat_map(|(i, sequence)| (0..sequence.steps.len()).map(move |step| (i, step)))
            .collect();
        let step = |(i, step): &(usize, usize)| rules.get(*i)?.after.as_ref()?.steps.get(*step);
        let step_index = Index::new(
            (0..).zip(steps.iter().filter_map(step)).map(|(i, step)| (i, step.on, &step.conditions)),
        );
        let before = on_builtin.then_some(base.text);
        let sha256 = fingerprint(before.into_iter().chain(files.iter().map(|(_, text)| text.as_str())));
        let gates = Gates::of(&rules);
        let copy =
            files.iter().find(|(_, text)| text == base.text).map(|(path, _)| path.display().to_string());
        let name = copy.unwrap_or_else(|| base.name.to_owned());
        let builtin = rules.iter().filter(|rule| rule.source.file == name).count();
        Ok(Self { index, steps, step_index, citations, sha256, gates, packs, rules, builtin, replaced })
    }

    /// The rules that come with the program.
    ///
    /// # Errors
    /// None in a tested build.
    pub fn builtin() -> Result<Self, Problems> {
        Self::base(Base::BUILTIN)
    }

    /// These rules alone.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn base(base: Base<'_>) -> Result<Self, Problems> {
        Self::parse_on(base, &[(PathBuf::from(base.name), base.text.to_owned())])
    }

    /// How many of the rules are built in, changed ones included.
    #[must_use]
    pub const fn builtin_rules(&self) -> usize {
        self.builtin
    }

    /// Where the files say that the built-in rules are not part of the set: `own.yaml:2`.
    #[must_use]
    pub fn replaced(&self) -> Option<&str> {
        self.replaced.as_deref()
    }

    /// SHA-256 over the contents of the files in their order, in hex: those of the directory, after the built-in rules
    /// unless the files replace these.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of rules, disabled ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Never true: a set without rules is a problem.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every rule in the order of files and lines, disabled ones included.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Rule>> {
        self.rules.iter()
    }

    /// The rule of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

impl<'a> IntoIterator for &'a RuleSet {
    type Item = &'a Arc<Rule>;
    type IntoIter = std::slice::Iter<'a, Arc<Rule>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// SHA-256 over texts in their order, in hex.
pub(super) fn fingerprint<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut hasher = Sha256::new();
    texts.for_each(|text| hasher.update(text.as_bytes()));
    hex(&hasher.finalize())
}
