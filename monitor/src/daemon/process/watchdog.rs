//! Watches over the event loop: its end ends the daemon, and systemd is told that it turns only while it turns.

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    daemon::{
        context::mailbox::summary::Summary,
        process::{
            error::{StartError, system},
            priority,
        },
    },
    metrics::Heartbeat,
};
use interlock_host::capabilities::{self, Duty};

/// How often the event loop is looked at where no watchdog asks.
const EVERY: Duration = Duration::from_secs(10);
const LEAST: Duration = Duration::from_millis(100);

/// Starts the event loop's thread. However it ends, the daemon stops: without an event loop nothing is judged, and whoever
/// restarts the daemon must see that.
pub fn start(
    run: impl FnOnce(&Heartbeat) -> std::io::Result<()> + Send + 'static,
    heartbeat: Heartbeat,
    stop: &CancellationToken,
) -> Result<std::thread::JoinHandle<std::io::Result<()>>, StartError> {
    let guard: DropGuard = stop.clone().drop_guard();
    let event_loop = move || {
        let _guard = guard; // dropped by a panic too
        priority::raise();
        capabilities::keep(Duty::Judge);
        run(&heartbeat)
    };
    let thread = std::thread::Builder::new().name("interlock-loop".into());
    thread.spawn(event_loop).map_err(system("starting the event loop"))
}

/// How the event loop ended.
pub fn outcome(ended: std::thread::Result<std::io::Result<()>>) -> Result<(), StartError> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(system("waiting for the kernel")(error)),
        Err(_) => Err(StartError::Panicked),
    }
}

/// Tells systemd's watchdog of every event loop that beats, and what it is doing; says in the log when it does not.
pub async fn watch(heartbeat: Heartbeat, summary: Arc<Summary>) {
    let every = sd_notify::watchdog_enabled().map_or(EVERY, |timeout| (timeout / 3).clamp(LEAST, EVERY));
    let mut beats = tokio::time::interval(every);
    let (mut beat, mut told) = (true, summary.to_string());
    loop {
        beats.tick().await;
        if std::mem::replace(&mut beat, heartbeat.is_beating()) && !beat {
            tracing::error!("the event loop does not turn; what is held stays held, nothing new is judged");
        }
        let status = if beat { summary.to_string() } else { STUCK.to_owned() };
        if status != told {
            tell(&[NotifyState::Status(&status)]);
            told = status;
        }
        if beat {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

const STUCK: &str = "the event loop does not turn: what is held stays held, nothing new is judged";

/// Tells systemd, where it asked to be told; nothing otherwise.
pub fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
