//! Signals to the daemon.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::daemon::context::mailbox::handle::{Handle, Message};

/// Listens from this call on; SIGTERM and SIGINT stop the daemon, SIGHUP reads the rules again.
pub fn forward(
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
