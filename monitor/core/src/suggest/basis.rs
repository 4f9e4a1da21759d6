//! The present rules, and what they would be with a proposal among their files.

use std::{path::PathBuf, sync::Arc};

use crate::{catalog::Catalog, problem::Problems, rules::RuleSet};

/// Name of the proposal's file: it comes after all others, as overrides must.
const NAME: &str = "suggested.yaml";

/// Files of rules.
#[derive(Debug)]
pub struct Basis {
    /// Empty for the built-in rules.
    files: Vec<(PathBuf, String)>,
    rules: Arc<RuleSet>,
}

impl Basis {
    /// The rules of these files; the built-in ones if there are none.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn new(files: Option<Vec<(PathBuf, String)>>) -> Result<Self, Problems> {
        let Some(files) = files else {
            return Ok(Self { files: Vec::new(), rules: Arc::new(RuleSet::builtin()?) });
        };
        Ok(Self { rules: Arc::new(RuleSet::parse(&files)?), files })
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
        let rules = Arc::new(RuleSet::parse(&files)?);
        let strange = rules.strange_to(catalog);
        let own: Vec<_> = strange.iter().filter(|problem| problem.file == NAME).cloned().collect();
        if own.is_empty() { Ok(rules) } else { Err(Problems(own)) }
    }
}
