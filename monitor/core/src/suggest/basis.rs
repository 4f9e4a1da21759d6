//! The present rules, and what they would be with a proposal among their files.

use std::{path::PathBuf, sync::Arc};

use crate::{
    catalog::Catalog,
    problem::Problems,
    rules::{Base, RuleSet},
};

/// Name of the proposal's file: it comes after all others, as overrides must.
const NAME: &str = "suggested.yaml";

/// Files of rules.
#[derive(Debug)]
pub struct Basis {
    /// Name and text of what the files extend.
    base: (String, String),
    /// Empty for the rules of `base` alone.
    files: Vec<(PathBuf, String)>,
    rules: Arc<RuleSet>,
}

impl Basis {
    /// The rules of these files, which extend those of `base`; these alone if there are none.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn new(base: Base<'_>, files: Option<Vec<(PathBuf, String)>>) -> Result<Self, Problems> {
        let rules = match &files {
            Some(files) => RuleSet::parse_on(base, files)?,
            None => RuleSet::base(base)?,
        };
        let base = (base.name.to_owned(), base.text.to_owned());
        Ok(Self { base, files: files.unwrap_or_default(), rules: Arc::new(rules) })
    }

    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The rules with one more file.
    ///
    /// # Errors
    /// What `interlock rules check` would say.
    pub fn with(&self, text: &str, catalog: &Catalog) -> Result<Arc<RuleSet>, Problems> {
        let more = (PathBuf::from(NAME), text.to_owned());
        let files: Vec<_> = self.files.iter().cloned().chain([more]).collect();
        let (name, text) = &self.base;
        let rules = Arc::new(RuleSet::parse_on(Base { name, text }, &files)?);
        let strange = rules.strange_to(catalog);
        let own: Vec<_> = strange.iter().filter(|problem| problem.file == NAME).cloned().collect();
        if own.is_empty() { Ok(rules) } else { Err(Problems(own)) }
    }
}
