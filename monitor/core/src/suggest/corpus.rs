//! Attack sessions that must stay stopped.

use std::{path::PathBuf, sync::Arc};

use serde::Serialize;

use super::{basis::Basis, exception::Exception, text::document};
use crate::{
    catalog::Catalog,
    problem::Problems,
    rule_test::{Answer, Case, Cases, Decisions, Runner, describe},
    rules::RuleSet,
};

macro_rules! recall {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../../rules/tests/recall/", $name)))),*]
    };
}

/// The recall corpus: attacks that the built-in rules stop.
const RECALL: [(&str, &str); 16] = recall![
    "catalogue.yaml",
    "clients.yaml",
    "commands.yaml",
    "copies.yaml",
    "detours.yaml",
    "drops.yaml",
    "endpoints.yaml",
    "habits.yaml",
    "measured.yaml",
    "owners.yaml",
    "platforms.yaml",
    "processes.yaml",
    "providers.yaml",
    "readers.yaml",
    "searches.yaml",
    "secrets.yaml"
];

/// Cases, and what the present rules decide about each.
#[derive(Debug)]
pub struct Corpus {
    cases: Vec<(Case, Decisions)>,
}

/// What a proposal changes about the corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Played {
    /// Sessions that the present rules stop.
    pub stopped: usize,
    /// Of these, those that would get through: with one, nothing is proposed.
    pub let_through: Vec<String>,
    /// Sessions that are decided otherwise, and not let through.
    pub changed: Vec<String>,
}

impl Corpus {
    /// The built-in corpus, and the cases of `more`.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn new(
        more: Option<&[(PathBuf, String)]>,
        basis: &Basis,
        catalog: &Catalog,
    ) -> Result<Self, Problems> {
        let files: Vec<(PathBuf, String)> =
            RECALL.iter().map(|(name, text)| (format!("recall/{name}").into(), (*text).to_owned())).collect();
        let builtin = Cases::parse(&files, &RuleSet::builtin()?)?;
        let more = more.map(|files| Cases::parse(files, basis.rules())).transpose()?;
        let runner = Runner { rules: basis.rules(), catalog };
        let cases = builtin.iter().chain(more.iter().flat_map(Cases::iter));
        Ok(Self { cases: cases.map(|case| (case.clone(), runner.run(case).strongest)).collect() })
    }

    /// Plays every session with the exceptions in force.
    ///
    /// # Errors
    /// The exceptions cannot be compiled.
    pub fn play(
        &self,
        exceptions: &[&Exception],
        basis: &Basis,
        catalog: &Catalog,
    ) -> Result<Played, Problems> {
        let mut played = Played::default();
        let mut known: Option<(&str, Arc<RuleSet>)> = None;
        for (case, before) in &self.cases {
            let stopped = answer(before) >= Some(Answer::Hold);
            played.stopped += usize::from(stopped);
            let home = case.setting.home.as_str();
            let rules = match &known {
                Some((of, rules)) if *of == home => rules,
                _ => &known.insert((home, basis.with(&transplanted(exceptions, home), catalog)?)).1,
            };
            let after = Runner { rules, catalog }.run(case).strongest;
            if *before == after {
                continue;
            }
            let change = format!("{}: {} → {}", case.name, describe(before), describe(&after));
            if stopped && answer(&after) < Some(Answer::Hold) {
                played.let_through.push(change);
            } else {
                played.changed.push(change);
            }
        }
        Ok(played)
    }
}

fn answer(decisions: &Decisions) -> Option<Answer> {
    decisions.last().map(|decision| decision.answer)
}

/// The exceptions as they would read for whom the case is about: any agent, and that person's home.
fn transplanted(exceptions: &[&Exception], home: &str) -> String {
    let items = exceptions.iter().map(|exception| {
        let item = exception.yaml_for_every_agent();
        match home_in(&item) {
            Some(own) => item.replace(&own, &format!("{home}/")),
            None => item,
        }
    });
    document(&items.collect::<Vec<_>>())
}

/// The home that a text names, with its last slash: `/home/ann/`.
fn home_in(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("/home/") {
        let (name, _) = rest.split_once('/')?;
        return Some(format!("/home/{name}/"));
    }
    text.contains("\"/root/").then(|| "/root/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Base;

    #[test]
    fn the_committed_corpus_is_the_built_in_one_and_all_of_it_is_stopped() {
        let (basis, catalog) = (Basis::new(Base::BUILTIN, None).unwrap(), Catalog::builtin().unwrap());
        let corpus = Corpus::new(None, &basis, &catalog).unwrap();
        let committed = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/tests/recall"));
        #[allow(
            clippy::disallowed_methods,
            reason = "whether the committed files are those that are built in"
        )]
        let files = std::fs::read_dir(&committed).unwrap().count();
        assert_eq!(files, RECALL.len(), "a file of {} is not built in", committed.display());
        assert!(corpus.cases.len() >= 60, "{}", corpus.cases.len());
        assert!(corpus.cases.iter().all(|(_, decided)| answer(decided) >= Some(Answer::Hold)));
    }

    #[test]
    fn a_home_is_found_wherever_it_stands() {
        assert_eq!(home_in("path: \"/home/bob/.netrc\"").as_deref(), Some("/home/bob/"));
        assert_eq!(home_in("argv: \"cat /root/.netrc\"").as_deref(), None);
        assert_eq!(home_in("path: \"/root/.netrc\"").as_deref(), Some("/root/"));
        assert_eq!(home_in("path: \"/srv/x\""), None);
    }
}
