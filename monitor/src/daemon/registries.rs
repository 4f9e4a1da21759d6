//! Package registries that the package managers have compiled in: asked in the background, at the start and after each
//! reload. Until they have answered, their hosts are what the catalogue says, usually nothing.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

use super::{
    engine::Engine,
    handle::{Handle, Message},
};
use crate::control::api::RegistriesView;
use interlock_host::packages::{self, Answers};

/// Asks now, and whenever `again` says so; ends with the engine, or at once where nobody is to be asked.
pub async fn ask(handle: Arc<Handle>, again: Option<Arc<Notify>>) {
    while let Some(again) = &again {
        let answers = packages::defaults().await;
        if handle.send(Message::Registries(answers)).is_err() {
            return;
        }
        again.notified().await;
    }
}

impl Engine {
    pub fn learn_registries(&mut self, answers: Answers) {
        for failure in &answers.failures {
            self.metrics.package_lookup_failed(failure.tool);
            tracing::warn!("{failure}; its default registry counts as an unknown host");
        }
        self.registries_asked += 1;
        self.policies.learn(answers);
        self.export_registries();
    }

    pub fn export_registries(&self) {
        let mut tools: BTreeMap<&str, usize> = BTreeMap::new();
        self.policies.catalog.destinations.registries().for_each(|tool| *tools.entry(tool).or_default() += 1);
        self.metrics.registries(tools);
    }

    pub fn registries_view(&self) -> RegistriesView {
        let answers = self.policies.answers.as_ref();
        let failures = answers.iter().flat_map(|answers| &answers.failures);
        RegistriesView {
            known: self.policies.catalog.destinations.registries().count(),
            asked: self.registries_asked,
            failures: failures.map(ToString::to_string).collect(),
        }
    }
}
