//! Rules: what an agent's facts mean, and what to do about them.
//!
//! Files become a [`RuleSet`] or the list of all their [`Problems`]; a set and a session's [`Memory`] turn a fact into
//! a [`Verdict`]. Nothing here acts, reads a clock or waits. The language is described in `docs/rules.md`.

mod compile;
mod conditions;
pub(crate) mod duration;
mod evaluate;
mod explain;
pub(crate) mod grammar;
mod guard;
mod index;
mod memory;
pub mod model;
mod packs;
pub(crate) mod parse;
mod pattern;
mod places;
pub(crate) mod problem;
pub(crate) mod report;
pub mod schema;
mod sense;
#[cfg(test)]
mod testing;
mod trace;
mod vocabulary;
pub(crate) mod words;

use std::{path::PathBuf, sync::Arc};

use sha2::{Digest, Sha256};

use self::{compile::Gates, index::Index, packs::Choice, parse::Parsed, report::Citation};
pub use self::{
    evaluate::{Condition, Match, Verdict},
    memory::{Memory, Reader, Readers, Touch},
    model::{MAX_RULES, Rule},
    pattern::{Glob, HostPattern},
    problem::{Problem, Problems},
    sense::Backends,
    trace::{Outcome, Trace, Traced},
    vocabulary::Noun,
    words::Word,
};

/// The rules that apply where no file says otherwise.
pub const DEFAULT: &str = include_str!("../../../rules/default.yaml");

/// Name of the pseudo-file that holds [`DEFAULT`].
pub const DEFAULT_NAME: &str = "default.yaml (built in)";

/// Checked rules, indexed for evaluation. Immutable: a reload makes a new set.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    /// Of `rules`.
    index: Index,
    /// Every step of every sequence: the rule's position, and the step's in its sequence.
    steps: Vec<(usize, usize)>,
    /// Of `steps`.
    step_index: Index,
    citations: Vec<Citation>,
    sha256: String,
    gates: Gates,
    packs: Vec<Choice>,
}

impl RuleSet {
    /// Parses files in the given order. Where none has `rules`, what they override are the built-in ones.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn parse(files: &[(PathBuf, String)]) -> Result<Self, Problems> {
        let Parsed { rules, citations, packs, on_builtin } = parse::parse(files)?;
        let rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        if rules.is_empty() {
            return Err(Problems(vec![Problem::of_file("rules", "there are no rules at all")]));
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
        let builtin = on_builtin.then_some(DEFAULT);
        let sha256 = fingerprint(builtin.into_iter().chain(files.iter().map(|(_, text)| text.as_str())));
        let gates = Gates::default();
        let mut set = Self { index, steps, step_index, citations, sha256, gates, packs, rules };
        set.gates = set.find_gates();
        Ok(set)
    }

    /// The rules that come with the program.
    ///
    /// # Errors
    /// None in a tested build.
    pub fn builtin() -> Result<Self, Problems> {
        Self::parse(&[(PathBuf::from(DEFAULT_NAME), DEFAULT.to_owned())])
    }

    /// SHA-256 over the contents of the files in their order, in hex: those of the directory, after the built-in rules
    /// where the files change these.
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

fn fingerprint<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut hasher = Sha256::new();
    texts.for_each(|text| hasher.update(text.as_bytes()));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
