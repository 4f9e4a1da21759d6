//! The start of the daemon: the probes are loaded, the kernel's tables filled, and what an earlier daemon left is found.

mod recovery;
mod self_test;

use std::{path::Path, sync::Arc};

#[cfg(feature = "kubernetes")]
use interlock_kubernetes::holds::decisions::Ask;
use jiff::Timestamp;
use monitor_common::label::GATED;
use serde_json::json;
#[cfg(feature = "kubernetes")]
use tokio::sync::oneshot;

use crate::{
    alerts::{DEFAULT_LIMIT, Outbox},
    archive::newest_number,
    config::Config,
    daemon::{
        apply::notices,
        context::{
            Context,
            flows::{Flows, searches::Searches},
            kernel::{Kernel, numbering::Numbering},
            mailbox::{Mailbox, directory::Directory, handle::Ends, looker::Looker, verifier::Verifier},
            policy_set::Loaded,
            reporter::{Channels, Reporter, bus::Bus, event::Host, notary::Notary},
            state::{
                StateFile,
                snapshot::{Snapshot, Store, boot_id},
            },
            surveying::{
                Surveying,
                pods::{FIRST_LIST, Pods},
            },
            upkeep::Upkeep,
        },
        intake::lifecycle::recognise,
        process::error::{StartError, system},
        upkeep::{self, rules, saving, tables},
    },
    ledger::Ledger,
    metrics::Metrics,
    notifier::Notifier,
    terminals::Terminals,
};
#[cfg(feature = "kubernetes")]
use crate::{
    cluster_holds::ClusterHolds,
    daemon::context::mailbox::handle::{Inbox, Message},
};
use interlock_core::{
    decide::{Decider, Settings},
    facts::{BootNanos, Mode, SessionId},
    record::{Kind, Who},
};
use interlock_host::{
    clock::boot_now,
    enforcement::freezer::Freezer,
    probes::{Options, Probes},
    resolvers::Resolvers,
};

/// Numbers of events that are left out where it is not known which were given: more than wait to be written (`alerts::QUEUE`).
const MARGIN: u64 = 10_000;

/// Loads the probes, fills the kernel's tables, and finds what an earlier daemon left.
pub fn start(
    config: Config,
    loaded: Loaded,
    ends: Ends,
    metrics: Arc<Metrics>,
    metrics_address: Option<String>,
) -> Result<Context, StartError> {
    let store = Store::new(&config.state);
    let before = store.load();
    let mut ctx = context(config, loaded, ends, store, &before, metrics, metrics_address)?;
    for hold in &before.holds {
        // What waits goes on waiting, whatever these rules gate. A session that is over has nothing that waits.
        let _ = ctx.kernel.maps.set_flags(SessionId(hold.session), GATED, true);
    }
    tables::write_tables(&mut ctx)?;
    ctx.kernel.protect_own(&ctx.config);
    self_test::prove(&mut ctx);
    rules::warn(&ctx.decider.settings.rules, &ctx.kernel.probes);
    record_start(&mut ctx);
    recovery::recover(&mut ctx, before);
    notices::tell_what_waits(&ctx.reporter, &ctx.decider);
    if ctx.surveying.pods.awaits_first_list() {
        ctx.surveying.pods.adopts = Some(boot_now().plus(FIRST_LIST));
    } else {
        recognise::adopt(&mut ctx);
    }
    ctx.reporter.metrics.runs_in(ctx.config.mode);
    ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
    ctx.kernel.probes.replace_other_versions();
    upkeep::housekeeping(&mut ctx);
    saving::write_down(&mut ctx);
    Ok(ctx)
}

/// What decides from here on, so that a record can be judged by what it was decided with.
fn record_start(ctx: &mut Context) {
    let detail = [
        ("pid", std::process::id().into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("revision", option_env!("INTERLOCK_REVISION").into()),
        ("mode", json!(ctx.config.mode)),
        ("rules_sha256", ctx.decider.settings.rules.sha256().into()),
        ("catalog_sha256", ctx.policies.catalog.sha256().into()),
        ("bundle", json!(ctx.policies.bundle)),
        ("host", interlock_host::machine::name().into()),
        ("boot_id", ctx.state.boot.clone().into()),
        ("key", ctx.reporter.notary.public().into()),
    ];
    ctx.reporter.record(Kind::Start, Who::Daemon, None, detail);
}

/// Makes the parts, in this order: nothing is loaded into the kernel before the files that it is told of in are open.
fn context(
    config: Config,
    loaded: Loaded,
    ends: Ends,
    store: Store,
    before: &Snapshot,
    metrics: Arc<Metrics>,
    metrics_address: Option<String>,
) -> Result<Context, StartError> {
    let Ends { inbox, back, wake, bus, ask_again, summary } = ends;
    let next_event = next_event(before.next_event, &config.state);
    #[cfg(feature = "kubernetes")]
    let cluster = ClusterHolds::start(&config.kubernetes, ask(back.clone()))
        .map_err(system("starting the thread that speaks to the cluster"))?;
    let reporter = reporter(
        &config,
        bus,
        Arc::clone(&metrics),
        next_event,
        #[cfg(feature = "kubernetes")]
        cluster,
    )?;
    let kernel = kernel(&config, before.secrets.clone())?;
    let looker =
        Looker::start(back.clone()).map_err(system("starting the thread that looks at terminals"))?;
    let directory =
        Directory::start(&back).map_err(system("starting the threads that ask the user database"))?;
    let verifier = Verifier::start(back.clone(), &config.state)
        .map_err(system("starting the thread that looks at factors"))?;
    let searches = Searches::start(back.clone(), metrics)
        .map_err(system("starting the thread that searches descriptors"))?;
    let resolvers = Resolvers::new(config.resolvers.iter().copied());
    let lingering = before.lingering.iter().map(|(cookie, until)| (*cookie, BootNanos(*until))).collect();
    let Loaded { rules, policies } = loaded;
    let pods = Pods::start(&config.kubernetes, &policies.catalog.workspaces, back.clone())
        .map_err(system("starting the thread that watches pods"))?;
    reporter.metrics.pods.may_be(policies.catalog.workspaces.runtimes());
    let own = config.own_paths().into();
    let settings = Settings { rules, mode: config.mode, own, risk_budget: config.risk_budget };
    Ok(Context {
        config,
        policies,
        decider: Decider::new(settings, before.next_hold),
        effects: Vec::new(),
        kernel,
        freezer: Freezer::find(),
        reporter,
        flows: Flows::new(resolvers, searches, lingering),
        surveying: Surveying { pods, ..Surveying::default() },
        mailbox: Mailbox {
            inbox,
            inbox_waits: false,
            wake,
            back,
            looker,
            directory,
            verifier,
            ask_again,
            summary,
            stopping: false,
        },
        upkeep: Upkeep::default(),
        state: StateFile { store, unsaved: false, boot: boot_id() },
        started: Timestamp::now(),
        metrics_address,
    })
}

/// How the cluster's thread asks the event loop.
#[cfg(feature = "kubernetes")]
fn ask(back: Inbox) -> Arc<Ask> {
    Arc::new(move |proposal| {
        let (reply, answer) = oneshot::channel();
        let _ = back.send(Message::Proposed(Box::new(proposal), reply)); // what has ended answers nothing, and that is heard
        answer
    })
}

/// Beyond all that was given before, also where the saved state is lost and the files of events are not. The events that these do
/// not have yet are fewer than the margin.
fn next_event(saved: u64, state: &Path) -> u64 {
    let written = newest_number(state);
    if saved > written { saved } else { written + MARGIN }
}

fn reporter(
    config: &Config,
    bus: Bus,
    metrics: Arc<Metrics>,
    next_event: u64,
    #[cfg(feature = "kubernetes")] cluster: ClusterHolds,
) -> Result<Reporter, StartError> {
    let mut ledger = Ledger::open(&config.state)?;
    let outbox =
        Outbox::start(Some(config.state.clone()), DEFAULT_LIMIT).map_err(system("starting the outbox"))?;
    let notifier =
        Notifier::start(&config.notify, &config.state, &metrics).map_err(system("starting the notifier"))?;
    let notary = Notary::open(&config.state, &metrics);
    notary.compare(&mut ledger);
    let name = interlock_host::machine::name();
    let host = Host { name, boot: boot_id() };
    let terminals = Terminals::start(config.terminal, Arc::clone(&metrics))
        .map_err(system("starting the thread that writes to terminals"))?;
    let channels = Channels {
        outbox,
        notifier,
        bus,
        terminals,
        #[cfg(feature = "kubernetes")]
        cluster,
    };
    Ok(Reporter::new(ledger, notary, channels, metrics, host, next_event))
}

fn kernel(config: &Config, secrets_before: Vec<String>) -> Result<Kernel, StartError> {
    let cgroup = config.cgroup_mount().map_err(system("finding the cgroup v2 mount"))?;
    let (pins, observe) = (config.pins.clone(), config.mode == Mode::Observe);
    let (probes, maps) = Probes::load(&Options { cgroup, pins, observe })?;
    let generation = maps.policy().map_or(0, |policy| policy.generation);
    Ok(Kernel::new(probes, maps, Numbering::after(generation, secrets_before)))
}
