//! `interlock daemon`.

use std::io::{self, IsTerminal as _};

use clap::Args;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    privilege,
};
use crate::{
    alerts::{JOURNAL, LINES},
    daemon::{Waiting, join_the_machine, let_go, run},
};

#[derive(Args, Debug)]
pub struct Daemon {
    /// Let go of everything an earlier daemon left in force, and end
    #[arg(long)]
    release: bool,
    /// Also of what waits for a decision: it goes on without one
    #[arg(long, requires = "release")]
    with_holds: bool,
}

impl Daemon {
    pub(super) fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        privilege::require("the daemon", &printer)?;
        let mut config = global.config(&printer)?;
        if let Some(socket) = &global.socket {
            config.socket.clone_from(socket);
        }
        start_log(&config.log)?;
        join_the_machine();
        let waiting = if self.with_holds { Waiting::GoesOn } else { Waiting::Decide };
        let ended = if self.release { let_go(&config, waiting) } else { run(config) };
        ended.map_err(|error| Failure::caused(Exit::Negative, &error))?;
        Ok(Exit::Success)
    }
}

/// The daemon's own log: to the journal by its own protocol where systemd has connected stderr with it, with priorities and fields
/// (`INTERLOCK_SESSION=`); to stderr otherwise.
fn start_log(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| Failure::new(Exit::Usage, error))?;
    let is_journal = stderr_is_journal();
    let (journal, missed) = match is_journal.then(tracing_journald::layer).transpose() {
        Ok(journal) => (journal, None),
        Err(error) => (None, Some(error)),
    };
    let plain = journal.is_none().then(|| {
        let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
        let lines = match is_journal {
            // The journal stamps each line itself.
            true => lines.without_time().boxed(),
            false => lines.boxed(),
        };
        lines.with_filter(filter_fn(|metadata| metadata.target() != JOURNAL))
    });
    let journal = journal.map(|journal| {
        // The names of fields here are those of the events: `session` becomes INTERLOCK_SESSION.
        let journal = journal.with_field_prefix(Some("INTERLOCK".to_owned()));
        let journal = journal.with_syslog_identifier("interlock".to_owned());
        journal.with_filter(filter_fn(|metadata| metadata.target() != LINES))
    });
    let started = tracing_subscriber::registry().with(filter).with(journal).with(plain).try_init();
    started
        .map_err(|error| Failure::new(Exit::Negative, format_args!("the log cannot be started: {error}")))?;
    if let Some(error) = missed {
        tracing::warn!(%error, "the journal cannot be spoken to: lines without priority and fields go to stderr");
    }
    Ok(())
}

/// Whether stderr is the stream that systemd connected with the journal: the variable is inherited by whatever a service starts, also
/// with other streams.
fn stderr_is_journal() -> bool {
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| names(&stream, stat.st_dev, stat.st_ino))
}

/// `JOURNAL_STREAM` is `DEVICE:INODE`, in decimal.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    let numbers = stream.split_once(':').map(|(device, inode)| (device.parse(), inode.parse()));
    numbers == Some((Ok(device), Ok(inode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_journals_by_its_device_and_its_inode() {
        assert!(names("8:4711", 8, 4711));
        for other in ["8:4712", "9:4711", "8", "8:", ":4711", "", "8:4711:1"] {
            assert!(!names(other, 8, 4711), "{other}");
        }
    }
}
