//! New rules and catalogues: validated, then swapped as one between two records.

use monitor_common::policy::SecretTag;

use super::{
    engine::Engine,
    knowledge::{Knowledge, Mistakes},
    numbering::Numbering,
};
use crate::{
    ledger::record::{Kind as LedgerKind, Who},
    probes::MapError,
};

impl Engine {
    /// Reads rules and catalogues again. With a mistake in any of them everything stays as it was.
    pub fn reload(&mut self) -> Result<(), Mistakes> {
        let new = self.read_again()?;
        self.adopt_knowledge(new);
        Ok(())
    }

    /// After a file has changed: an editor's backup, or a file that says what is known already, changes nothing.
    pub fn reload_if_changed(&mut self) {
        match self.read_again() {
            Ok(new) if !new.is_like(&self.know) => self.adopt_knowledge(new),
            _ => {} // what is wrong stands in the log, the status and the metric
        }
    }

    fn read_again(&mut self) -> Result<Knowledge, Mistakes> {
        let read = Knowledge::load(&self.config);
        self.know.problem = read.as_ref().err().map(ToString::to_string);
        if let Err(mistakes) = &read {
            self.metrics.rules_reload_failures.inc();
            tracing::error!("the new rules are refused, the old ones still apply:\n{mistakes}");
        }
        read
    }

    fn adopt_knowledge(&mut self, new: Knowledge) {
        self.catch_up(); // what was tagged by the old catalogue's numbers is judged by them
        let mut old = std::mem::replace(&mut self.know, new);
        let before = old.catalog.secrets.ids().map(str::to_owned).collect();
        self.numbering = Numbering::after(self.numbering.generation(), before);
        // What they said before counts until they have been asked again.
        if let Some(answers) = old.answers.take() {
            self.know.learn(answers);
        }
        self.ask_again.notify_one();
        let changes = old.catalog.changes(&self.know.catalog);
        if let Err(error) = self.write_tables() {
            tracing::error!(%error, "the kernel's tables could not be renewed");
        }
        for id in self.registry.ids() {
            self.tag_stores(id);
        }
        self.save();
        let (rules, catalog) = (self.know.rules.sha256().to_owned(), self.know.catalog.sha256());
        self.record(
            LedgerKind::Rules,
            Who::Daemon,
            None,
            [("sha256", rules.into()), ("catalog_sha256", catalog.into())],
        );
        tracing::info!(rules = self.know.rules.len(), "rules loaded");
        self.warn_of_weaker_rules();
        for change in changes {
            tracing::info!("{change}");
        }
    }

    /// Gives files that are tagged the numbers that their secrets have now.
    pub fn renumber(&mut self) -> Result<(), MapError> {
        let (secrets, numbering) = (&self.know.catalog.secrets, &self.numbering);
        let now = |tag: SecretTag| {
            secrets.kernel_tag(numbering.entry(tag.entry, secrets)?).map(|tag| numbering.tag(tag))
        };
        self.uplink.renumber(now)
    }
}
