//! What each thread of the daemon may still do once it is at work: capabilities are a thread's own, and what a thread gives up, it and
//! everything that it starts have lost.
//!
//! With these sets every hook is proven and holds, freezes and terminals work (`docs/operations.md`, "Capabilities"). That each of them is
//! needed was seen for some and concluded from the system calls for the others.

use std::{
    io,
    thread::{self, JoinHandle},
};

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What a thread is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Judges, and carries out: everything that the kernel is told.
    Judge,
    /// Looks at other processes and at files as they see them.
    Look,
    /// Writes to the terminals of other users.
    Terminals,
    /// Answers the control socket and the metrics, and runs package managers as `nobody`.
    Serve,
    /// Writes Interlock's own files, speaks to servers, or asks the user database: what root owns is enough.
    Own,
}

impl Duty {
    /// What it needs.
    #[must_use]
    pub fn capabilities(self) -> CapabilitySet {
        let look = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
        match self {
            // Hooks come and go with the sessions, so what attaches them is needed as long as the daemon runs.
            Self::Judge => {
                let kernel = CapabilitySet::BPF | CapabilitySet::PERFMON | CapabilitySet::NET_ADMIN;
                let act = CapabilitySet::SYS_ADMIN | CapabilitySet::KILL | CapabilitySet::DAC_OVERRIDE;
                look | kernel | act
            }
            Self::Look => look,
            Self::Terminals => look | CapabilitySet::DAC_OVERRIDE,
            Self::Serve => look | CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::KILL,
            Self::Own => CapabilitySet::empty(),
        }
    }
}

/// Starts a thread that has from its first step on what its duty needs, and no more.
///
/// # Errors
/// No thread can be had.
pub fn start<T: Send + 'static>(
    name: impl Into<String>,
    duty: Duty,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.into()).spawn(move || {
        keep(duty);
        work()
    })
}

/// Gives up what the calling thread's duty does not need; what it starts afterwards has no more either. Fails open: a duty that is
/// done with more than it needs is done all the same; logged.
pub fn keep(duty: Duty) {
    if let Err(error) = limit(duty.capabilities()) {
        tracing::warn!(?duty, %error, "a thread keeps capabilities that it does not need");
    }
}

fn limit(needed: CapabilitySet) -> rustix::io::Result<()> {
    let had = capabilities(None)?;
    // Never more than there was: the service manager may have given less.
    let kept = had.permitted & needed;
    set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_gives_up_it_has_lost_and_the_others_have_not() {
        let before = capabilities(None).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                keep(Duty::Look);
                let now = capabilities(None).unwrap();
                assert_eq!(now.permitted, before.permitted & Duty::Look.capabilities());
                keep(Duty::Judge); // what is gone does not come back
                assert_eq!(capabilities(None).unwrap(), now);
                let below = std::thread::spawn(|| capabilities(None).unwrap()).join().unwrap();
                assert_eq!(below, now, "what it starts has no more");
            });
            thread.join().unwrap();
        });
        assert_eq!(capabilities(None).unwrap(), before);
    }

    #[test]
    fn only_who_judges_may_load_programs() {
        for duty in [Duty::Judge, Duty::Look, Duty::Terminals, Duty::Serve, Duty::Own] {
            let may = duty.capabilities().intersects(CapabilitySet::BPF | CapabilitySet::SYS_ADMIN);
            assert_eq!(may, duty == Duty::Judge, "{duty:?}");
        }
    }
}
