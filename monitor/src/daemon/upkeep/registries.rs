//! Package registries that the package managers have named. Until they have answered, their hosts are what the catalogue
//! says, usually nothing.

use std::collections::BTreeMap;

use crate::{control::api::RegistriesView, daemon::context::Context, metrics::Metrics};
use interlock_core::catalog::Catalog;
use interlock_host::packages::Answers;

pub fn learn_registries(ctx: &mut Context, answers: Answers) {
    for failure in &answers.failures {
        ctx.reporter.metrics.package_lookup_failed(failure.tool);
        tracing::warn!("{failure}; its default registry counts as an unknown host");
    }
    ctx.upkeep.registries_asked += 1;
    ctx.policies.learn(answers);
    export_registries(&ctx.policies.catalog, &ctx.reporter.metrics);
}

pub fn export_registries(catalog: &Catalog, metrics: &Metrics) {
    let mut tools: BTreeMap<&str, usize> = BTreeMap::new();
    catalog.destinations.registries().for_each(|tool| *tools.entry(tool).or_default() += 1);
    metrics.registries(tools);
}

pub fn registries_view(ctx: &Context) -> RegistriesView {
    let answers = ctx.policies.answers.as_ref();
    let failures = answers.iter().flat_map(|answers| &answers.failures);
    RegistriesView {
        never_asks: !ctx.config.asks_package_managers,
        known: ctx.policies.catalog.destinations.registries().count(),
        asked: ctx.upkeep.registries_asked,
        failures: failures.map(ToString::to_string).collect(),
    }
}
