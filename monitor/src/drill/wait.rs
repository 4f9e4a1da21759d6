//! Waiting for a condition: with a limit, a word on what was last seen, and an ear for Ctrl-C.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::{
    signal::{SigSet, SigmaskHow, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Between two looks.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// What one look found.
pub enum Look<T> {
    Seen(T),
    /// What was there instead, for the message when the time is up.
    NotYet(String),
}

/// While it lives, SIGINT and SIGTERM to this thread end the waiting with an error instead of ending the process, so that
/// every guard gets to clean up.
pub struct Wait {
    signals: SignalFd,
    before: SigSet,
}

impl Wait {
    /// # Errors
    /// The kernel refuses the signal mask or the descriptor.
    pub fn new() -> Result<Self> {
        let caught: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        let signals = SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .context("signals cannot be listened to")?;
        let before = caught.thread_swap_mask(SigmaskHow::SIG_BLOCK).context("signals cannot be blocked")?;
        Ok(Self { signals, before })
    }

    /// Looks again and again until `look` has seen it.
    ///
    /// # Errors
    /// What `look` returns; the limit is over (with what was seen last); somebody pressed Ctrl-C.
    pub fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<Look<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            let last = match look()? {
                Look::Seen(found) => return Ok(found),
                Look::NotYet(last) => last,
            };
            if start.elapsed() >= limit {
                bail!("waited {} s until {what}, in vain; last seen: {last}", limit.as_secs());
            }
            self.pause()?;
        }
    }

    fn pause(&self) -> Result<()> {
        match poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(&PAUSE)) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other.context("waiting failed")?,
        };
        match self.signals.read_signal().context("signals cannot be read")? {
            Some(_) => bail!("the drill was interrupted; everything it started has been ended"),
            None => Ok(()),
        }
    }
}

/// Takes back what a parent with [`Wait`] hands down: a new process inherits the blocked signals.
///
/// # Errors
/// The kernel refuses the signal mask.
pub fn hear_signals() -> Result<()> {
    SigSet::empty().thread_set_mask().context("signals cannot be unblocked")
}

impl Drop for Wait {
    fn drop(&mut self) {
        // The mask was valid when it was read.
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_until_it_is_there_and_says_what_it_saw_otherwise() {
        let wait = Wait::new().unwrap();
        let mut looks = 0;
        let found = wait.until("three", Duration::from_secs(5), || {
            looks += 1;
            Ok(if looks == 3 { Look::Seen(looks) } else { Look::NotYet(looks.to_string()) })
        });
        assert_eq!(found.unwrap(), 3);

        let never = || Ok(Look::<()>::NotYet("a closed door".into()));
        let why = wait.until("it opens", Duration::ZERO, never).unwrap_err().to_string();
        assert!(why.contains("it opens") && why.contains("a closed door"), "{why}");
    }

    #[test]
    fn an_interrupt_ends_the_waiting_and_not_the_process() {
        let wait = Wait::new().unwrap();
        nix::sys::signal::raise(Signal::SIGINT).unwrap();
        let never = || Ok(Look::<()>::NotYet(String::new()));
        let why = wait.until("nothing", Duration::from_secs(5), never).unwrap_err().to_string();
        assert!(why.contains("interrupted"), "{why}");
    }
}
