//! What the daemon tells the kernel of catalogues and rules.

use monitor_common::{label::GATED, policy::RUN_LATER};

use crate::daemon::{
    context::Context,
    process::error::StartError,
    upkeep::{registries, rules},
};
use interlock_host::probes::{
    MapError,
    loader::InForce,
    table::{Backend, Feature},
};

/// Writes catalogues and rules into the kernel's tables.
pub fn write_tables(ctx: &mut Context) -> Result<(), StartError> {
    let failed = |error: MapError| StartError::System {
        what: "writing the kernel's tables",
        source: std::io::Error::other(error),
    };
    // First the verdicts, under numbers that no tag has yet; then the tags, each of which leads to its own.
    let open_verdicts = ctx.decider.settings.rules.open_verdicts(&ctx.policies.catalog.secrets);
    let generation = ctx.kernel.numbering.generation();
    ctx.kernel.maps.set_open_verdicts(generation, &open_verdicts).map_err(failed)?;
    ctx.kernel.write_names(&ctx.decider.sessions, &ctx.policies.catalog.secrets).map_err(failed)?;
    ctx.kernel.renumber(&ctx.policies.catalog.secrets).map_err(failed)?;
    let names = ctx.policies.catalog.delegate_socket_names();
    let sockets = names.iter().map(|name| (name.key(), name.service));
    let files = ctx.policies.catalog.delegate_file_keys().iter().map(|key| (*key, RUN_LATER));
    let services: Vec<(u64, u32)> = sockets.chain(files).collect();
    ctx.kernel.maps.replace_services(&services).map_err(failed)?;
    ctx.kernel
        .maps
        .replace_addresses(&ctx.policies.catalog.destinations.kernel_addresses())
        .map_err(failed)?;
    ctx.kernel.policy = ctx.decider.settings.rules.kernel_policy(ctx.decider.observes());
    let early = |served: &InForce| {
        served.feature == Feature::Connect && served.spec.is_some_and(|spec| spec.backend == Backend::Lsm)
    };
    ctx.kernel.policy.late_handshake = u32::from(!ctx.kernel.probes.in_force().iter().any(early));
    ctx.kernel.policy.generation = generation;
    ctx.kernel.maps.set_policy(ctx.kernel.policy).map_err(failed)?;
    for id in ctx.decider.sessions.ids() {
        let Some(gated) = ctx.decider.settle_gate(id) else { continue };
        ctx.kernel.maps.set_flags(id, GATED, gated).map_err(failed)?;
    }
    ctx.reporter.metrics.rules(ctx.decider.settings.rules.sha256());
    rules::export_rules(&ctx.decider, &ctx.reporter.metrics);
    rules::export_packs(&ctx.decider.settings.rules, &ctx.policies.catalog, &ctx.reporter.metrics);
    registries::export_registries(&ctx.policies.catalog, &ctx.reporter.metrics);
    Ok(())
}
