//! The daemon: one engine thread that owns all state, and a small runtime for the control socket and the metrics.
//!
//! The engine waits for the rings, its inbox and the next deadline, and does everything itself: an event is judged and
//! its decision is in the kernel before the next one is looked at. Nothing here needs a lock.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::Arc,
};

use nix::fcntl::{Flock, FlockArg};
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    control::{server, socket::ControlSocket},
    metrics::{Exporter, Heartbeat, Metrics, Phase},
};
use interlock_core::facts::SessionId;
use interlock_host::{
    enforcement::freezer::Freezer,
    probes::{self, ProbeError},
};

mod access;
mod apply;
mod asking;
mod attach_state;
mod beginning;
mod copies;
mod engine;
mod enrich;
mod event;
mod explaining;
mod flows;
mod folding;
mod greetings;
mod guarding;
pub mod handle;
mod history;
mod inherited;
mod judge;
mod lifecycle;
mod losses;
mod meetings;
mod numbering;
mod packs;
mod partial_requests;
mod policy_set;
mod priority;
mod recognising;
mod reconciling;
mod records;
mod recovery;
mod registries;
mod reload;
mod requests;
mod searches;
mod seats;
mod self_test;
mod serving;
mod snapshot;
mod strangers;
mod surveying;
mod surveys;
mod syscalls;
mod tables;
mod tags;
mod unseen;
mod unwatched;
mod views;
mod watchdog;
mod watching;
mod weakness;

use engine::Engine;
use handle::{Handle, Message};
use policy_set::PolicySet;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    PolicySet(#[from] policy_set::LoadErrors),
    #[error(transparent)]
    Probes(#[from] ProbeError),
    #[error("cannot use the state directory {path}: {source}; create it for root or set `state`")]
    State { path: PathBuf, source: std::io::Error },
    #[error(
        "another interlock daemon uses the state directory {path}; stop it, or set `state` to another directory"
    )]
    StateInUse { path: PathBuf },
    #[error(
        "still frozen: {sessions}; start the daemon and thaw them (interlock thaw ID), or kill them, before letting go"
    )]
    Frozen { sessions: String },
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    #[error(transparent)]
    Metrics(#[from] crate::metrics::ExporterError),
    #[error(transparent)]
    Control(#[from] crate::control::socket::BindError),
    #[error("the engine ended by a panic, which stands above; what is pinned stays in force")]
    Panicked,
    #[error("{what} failed: {source}")]
    System { what: &'static str, source: std::io::Error },
}

fn system(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |source| StartError::System { what, source }
}

/// Runs the daemon until it is told to stop. With `release`, only removes what an earlier one left in force.
///
/// # Errors
/// Says in one sentence what is missing and what to do.
pub fn run(config: Config, release: bool) -> Result<(), StartError> {
    if release {
        return let_go(&config);
    }
    let knowledge = PolicySet::load(&config)?;
    allow_descriptors();
    let _lock = lock_state(&config)?;
    let metrics =
        Arc::new(Metrics::new().map_err(|error| system("making the metrics")(std::io::Error::other(error)))?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("interlock-api")
        .on_thread_start(priority::raise)
        .enable_all()
        .build()
        .map_err(system("starting the runtime"))?;

    // Everything that can be refused is asked for before a probe is loaded.
    let exporter = config.metrics.map(|address| runtime.block_on(Exporter::bind(address))).transpose()?;
    let socket = {
        let _context = runtime.enter();
        ControlSocket::bind(&config.socket)?
    };
    let (handle, ends) = Handle::new().map_err(system("creating an eventfd"))?;
    let handle = Arc::new(handle);
    let (phase, phases) = tokio::sync::watch::channel(Phase::Starting);
    let stop = CancellationToken::new();
    let address = exporter.as_ref().map(|exporter| exporter.address().to_string());

    let changes = {
        let _context = runtime.enter();
        watching::forward_changes(&config, Arc::clone(&handle)).map_err(system("watching the rules"))?
    };
    let asks_package_managers = config.asks_package_managers;
    let engine = Engine::start(config, knowledge, ends, Arc::clone(&metrics), address)?;
    let heartbeat = Heartbeat::default();
    let asks = asks_package_managers.then(|| handle.ask_again());
    let thread = watchdog::start(engine, heartbeat.clone(), &stop)?;
    let _ = phase.send(Phase::Running);
    ready();

    let served = runtime.block_on(async {
        if let Some(exporter) = exporter {
            tokio::spawn(exporter.serve(Arc::clone(&metrics), phases, heartbeat.clone(), stop.clone()));
        }
        tokio::spawn(
            forward_signals(Arc::clone(&handle), stop.clone()).map_err(system("listening for signals"))?,
        );
        tokio::spawn(changes);
        tokio::spawn(watchdog::watch(heartbeat));
        let mut serving = tokio::spawn(server::serve(socket, handle.clone(), metrics, stop.clone()));
        // By this thread, which nothing has raised: programs that it starts would inherit that.
        let asking = registries::ask(Arc::clone(&handle), asks);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = asking => serving.await,
        };
        ended.map_err(std::io::Error::other).flatten().map_err(system("serving the control socket"))
    });
    let _ = phase.send(Phase::Stopping);
    let _ = handle.send(Message::Stop); // already gone: that is what is wanted
    watchdog::outcome(thread.join())?;
    served
}

/// Each tagged secret is held open; systems start programs with room for 1,024 descriptors and let them ask for more.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "few secrets can be known by their inodes");
    }
}

/// Listens from this call on; SIGTERM and SIGINT stop the daemon, SIGHUP reads the rules again.
fn forward_signals(
    handle: Arc<Handle>,
    stop: CancellationToken,
) -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => if handle.send(Message::Reload).is_err() { break },
            }
        }
        stop.cancel();
    })
}

/// Removes what an earlier daemon left in force. Not under a running one, and not while a tree is frozen: nobody could
/// thaw it any more.
fn let_go(config: &Config) -> Result<(), StartError> {
    let _lock = lock_state(config)?;
    let left = snapshot::Store::new(&config.state).load();
    let mut freezer = Freezer::find();
    let mut frozen = Vec::new();
    for session in &left.sessions {
        let id = SessionId(session.id);
        freezer.claim(id);
        let root_is_alive = || std::path::Path::new("/proc").join(id.root().to_string()).exists();
        if !freezer.processes(id).is_empty() || (session.frozen && root_is_alive()) {
            frozen.push(id.to_string());
        }
    }
    if !frozen.is_empty() {
        return Err(StartError::Frozen { sessions: frozen.join(", ") });
    }
    freezer.keep(&[]);
    for group in freezer.unclaimed() {
        tracing::warn!(group = %group.display(), "somebody stands in this frozen group; if no daemon knows it, write 0 into its cgroup.freeze");
    }
    if let Some(pins) = &config.pins {
        probes::remove_all_pins(pins)?;
    }
    Ok(())
}

/// One daemon per state directory: two would tell each other's story. Nobody else gets in: what is there names files and
/// command lines of every user, and who can open the lock can take it.
fn lock_state(config: &Config) -> Result<Flock<fs::File>, StartError> {
    let failed = |source| StartError::State { path: config.state.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.state).map_err(failed)?;
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(config.state.join("lock"))
        .map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        if error as i32 == Errno::WOULDBLOCK.raw_os_error() {
            StartError::StateInUse { path: config.state.clone() }
        } else {
            failed(error.into())
        }
    })
}

/// Tells systemd, where it asked to be told.
fn ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "systemd could not be told that the daemon is ready");
    }
}
