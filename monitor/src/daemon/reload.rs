//! New rules and catalogues: validated, then swapped as one between two records.

use std::thread;

use monitor_common::policy::SecretTag;

use super::{
    engine::Engine,
    handle::Message,
    numbering::Numbering,
    policy_set::{LoadErrors, PolicySet},
};
use crate::control::{
    api::{Refusal, RulesView},
    command::{Reply, RequestError},
};
use interlock_core::record::{Kind, Who};
use interlock_host::probes::MapError;

/// Who wants the files read again.
#[derive(Debug)]
pub enum Reason {
    Asked(Reply<RulesView>),
    /// SIGHUP.
    Told,
    /// A file may have changed: an editor's backup, or a file that says what is known already, changes nothing.
    Changed,
}

/// Files are read by a thread of their own: users' homes are among what is looked at, and file systems may take their time.
#[derive(Default)]
pub struct Reloading {
    /// Who waits for what is being read, and for what is to be read after it.
    served: Vec<Reason>,
    waiting: Vec<Reason>,
    is_reading: bool,
}

impl Engine {
    /// Has rules and catalogues read again. With a mistake in any of them everything stays as it was.
    pub fn reload(&mut self, reason: Reason) {
        self.reloading.waiting.push(reason);
        self.read_again();
    }

    fn read_again(&mut self) {
        if self.reloading.is_reading || self.reloading.waiting.is_empty() {
            return;
        }
        let (config, back) = (self.config.clone(), self.back.clone());
        let reading = thread::Builder::new().name("interlock-files".into()).spawn(move || {
            let read = Box::new(PolicySet::load(&config));
            drop(back.send(Message::Read(read))); // the engine has ended
        });
        self.reloading.served = std::mem::take(&mut self.reloading.waiting);
        match reading {
            Ok(_) => self.reloading.is_reading = true,
            Err(error) => {
                tracing::error!(%error, "rules and catalogues cannot be read again");
                let refused = || {
                    RequestError::Conflict(Refusal {
                        error: format!("no thread can be had: {error}"),
                        hint: None,
                    })
                };
                self.answer_reloads(&|_| Err(refused()));
            }
        }
    }

    /// What was read.
    pub fn has_read(&mut self, read: Result<PolicySet, LoadErrors>) {
        self.reloading.is_reading = false;
        self.policies.problem = read.as_ref().err().map(ToString::to_string);
        match read {
            Err(mistakes) => {
                self.metrics.rules_reload_failures.inc();
                tracing::error!("the new rules are refused, the old ones still apply:\n{mistakes}");
                let refusal = || Refusal {
                    error: mistakes.to_string(),
                    hint: Some("the rules that worked still apply".into()),
                };
                self.answer_reloads(&|_| Err(RequestError::Invalid(refusal())));
            }
            Ok(new) => {
                let only_changed = |reason: &Reason| matches!(reason, Reason::Changed);
                if !(self.reloading.served.iter().all(only_changed) && new.is_like(&self.policies)) {
                    self.adopt_policies(new);
                }
                self.answer_reloads(&|engine| Ok(engine.rules_view()));
            }
        }
        self.read_again();
    }

    fn answer_reloads(&mut self, answer: &dyn Fn(&Self) -> Result<RulesView, RequestError>) {
        self.write_down(); // what was answered outlives a daemon that is killed now
        for reason in std::mem::take(&mut self.reloading.served) {
            if let Reason::Asked(reply) = reason {
                let _ = reply.send(answer(self)); // the caller hung up
            }
        }
    }

    fn adopt_policies(&mut self, new: PolicySet) {
        self.catch_up(); // what was tagged by the old catalogue's numbers is judged by them
        let mut old = std::mem::replace(&mut self.policies, new);
        let before = old.catalog.secrets.ids().map(str::to_owned).collect();
        self.numbering = Numbering::after(self.numbering.generation(), before);
        // What they said before counts until they have been asked again.
        if let Some(answers) = old.answers.take() {
            self.policies.learn(answers);
        }
        self.ask_again.notify_one();
        let changes = old.catalog.changes(&self.policies.catalog);
        if let Err(error) = self.write_tables() {
            tracing::error!(%error, "the kernel's tables could not be renewed");
        }
        for id in self.decider.sessions.ids() {
            self.tag_stores(id);
        }
        self.save();
        let (rules, catalog) = (self.policies.rules.sha256().to_owned(), self.policies.catalog.sha256());
        self.record(
            Kind::Rules,
            Who::Daemon,
            None,
            [("sha256", rules.into()), ("catalog_sha256", catalog.into())],
        );
        tracing::info!(rules = self.policies.rules.len(), "rules loaded");
        self.warn_of_weaker_rules();
        for change in changes {
            tracing::info!("{change}");
        }
    }

    /// Gives files that are tagged the numbers that their secrets have now.
    pub fn renumber(&mut self) -> Result<(), MapError> {
        let (secrets, numbering) = (&self.policies.catalog.secrets, &self.numbering);
        let now = |tag: SecretTag| {
            secrets.kernel_tag(numbering.entry(tag.entry, secrets)?).map(|tag| numbering.tag(tag))
        };
        self.maps.renumber(now)
    }
}
