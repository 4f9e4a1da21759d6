//! The daemon: one event loop thread that owns all state, and a small runtime for the control socket and the metrics.
//!
//! The event loop waits for the rings, its inbox and the next deadline, and does everything itself: an event is judged and
//! its decision is in the kernel before the next one is looked at. Nothing here needs a lock.

use std::{path::PathBuf, sync::Arc};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    control::{server, socket::ControlSocket},
    metrics::{Exporter, Heartbeat, Metrics, Phase},
    policy,
};

mod apply;
mod context;
mod event_loop;
mod intake;
mod process;
mod serve;
mod start;
mod upkeep;

use context::{
    mailbox::handle::{Handle, Message},
    policy_set::Loaded,
};
use interlock_core::problem::Problems;
use interlock_host::{
    capabilities::{self, Duty},
    enforcement::freezer::namespace,
};
pub use process::error::StartError;
pub use process::release::{Waiting, let_go};
use process::{error::system, policy_files, priority, registries, signals, state_dir, watchdog};

/// What a daemon in a container needs before anything else: the machine's own hierarchy of control groups.
pub fn join_the_machine() {
    if let Err(error) = namespace::join_the_machines() {
        // Fails over: groups that cannot be found are not frozen but stopped by signal.
        tracing::warn!(%error, "the machine's cgroup namespace cannot be joined; a freeze may stop by signal, and shells see it");
    }
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// Says in one sentence what is missing and what to do.
pub fn run(config: Config) -> Result<(), StartError> {
    check_owners(&config)?;
    let loaded = Loaded::read(&config)?;
    allow_descriptors();
    let _lock = state_dir::lock(&config)?;
    let metrics =
        Arc::new(Metrics::new().map_err(|error| system("making the metrics")(std::io::Error::other(error)))?);
    let runtime = runtime()?;

    // Everything that can be refused is asked for before a probe is loaded.
    let exporter = config.metrics.map(|address| runtime.block_on(Exporter::bind(address))).transpose()?;
    let socket = {
        let _context = runtime.enter();
        ControlSocket::bind(&config.socket)?
    };
    let (handle, ends) = Handle::new(config.state.clone()).map_err(system("creating the engine's inbox"))?;
    let handle = Arc::new(handle);
    let (phase, phases) = tokio::sync::watch::channel(Phase::Starting);
    let stop = CancellationToken::new();
    let address = exporter.as_ref().map(|exporter| exporter.address().to_string());

    let changes = {
        let _context = runtime.enter();
        policy_files::forward_changes(&config, Arc::clone(&handle)).map_err(system("watching the rules"))?
    };
    let asks_package_managers = config.asks_package_managers;
    let files: Vec<String> = config.files.iter().map(|file| file.display().to_string()).collect();
    tracing::info!(files = files.join(", "), mode = ?config.mode, "the configuration was read; without a file the defaults apply");
    let context = start::start(config, loaded, ends, Arc::clone(&metrics), address)?;
    let heartbeat = Heartbeat::default();
    let asks = asks_package_managers.then(|| handle.ask_again());
    let thread = watchdog::start(|heartbeat| event_loop::run(context, heartbeat), heartbeat.clone(), &stop)?;
    // Everything is attached: from here on this thread serves.
    capabilities::keep(Duty::Serve);
    let _ = phase.send(Phase::Running);
    watchdog::tell(&[NotifyState::Ready, NotifyState::Status(&handle.summary().to_string())]);

    let served = runtime.block_on(async {
        if let Some(exporter) = exporter {
            tokio::spawn(exporter.serve(Arc::clone(&metrics), phases, heartbeat.clone(), stop.clone()));
        }
        tokio::spawn(
            signals::forward(Arc::clone(&handle), stop.clone()).map_err(system("listening for signals"))?,
        );
        tokio::spawn(changes);
        tokio::spawn(watchdog::watch(heartbeat, handle.summary()));
        let mut serving = tokio::spawn(server::serve(socket, handle.clone(), metrics, stop.clone()));
        // By this thread, which nothing has raised: programs that it starts would inherit that.
        let asking = registries::ask(Arc::clone(&handle), asks);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = asking => serving.await,
        };
        ended.map_err(std::io::Error::other).map_err(system("serving the control socket"))
    });
    let _ = phase.send(Phase::Stopping);
    watchdog::tell(&[NotifyState::Stopping]);
    let _ = handle.send(Message::Stop); // already gone: that is what is wanted
    watchdog::outcome(thread.join())?;
    served
}

/// Who else may change the configuration or the state.
fn check_owners(config: &Config) -> Result<(), Problems> {
    policy::trust::check_alone(config.files.iter().chain([&config.state]).map(PathBuf::as_path))?;
    policy::trust::check(config.drop_ins.as_deref())
}

/// Whether a daemon would start with this configuration, its rules and its catalogues.
///
/// # Errors
/// Every mistake in any of the files, or who else may change them.
pub fn verify(config: &Config) -> Result<(), Problems> {
    check_owners(config)?;
    Loaded::check(config)
}

/// For everything but the event loop.
fn runtime() -> Result<Runtime, StartError> {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("interlock-api")
        .on_thread_start(|| {
            priority::raise();
            capabilities::keep(Duty::Serve);
        })
        .enable_all()
        .build()
        .map_err(system("starting the runtime"))
}

/// Each tagged secret is held open; systems start programs with room for 1,024 descriptors and let them ask for more.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "few secrets can be known by their inodes");
    }
}
