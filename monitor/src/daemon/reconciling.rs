//! Reconciliation: the kernel's labels, the processes that the engine knows and those that run are brought together.
//!
//! The kernel labels at fork, removes the label at exit, and tells both. A label that the daemon wrote when its process was
//! ending already, and a record that was lost, leave the three apart. Then a dead process keeps its session, and whoever
//! gets its number is taken for an agent; or a session seems to end that still has a member, which is watched no more.

use std::{collections::HashMap, time::Duration};

use monitor_common::label::{GATED, Label, Session as KernelSession};

use super::engine::Engine;
use interlock_core::{
    decide::Input,
    facts::{BootNanos, Process, SessionId},
};
use interlock_host::{
    clock::boot_now,
    proc::{
        life::{Life, life},
        procfs,
    },
};

/// How often everything is looked at; at once where a record of a life was lost.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Reconciliation {
    next: BootNanos,
    /// Records of lives that were lost so far.
    lost: u64,
    /// Processes that have ended, untold so far: their exits may stand in the ring behind what they did before. Since when.
    untold: HashMap<(u32, BootNanos), BootNanos>,
    /// An agent may have begun unseen.
    missed: bool,
    /// When agents may be looked for again: it takes a look at every process of the machine.
    search: BootNanos,
}

impl Reconciliation {
    /// Whether to look for agents whose exec was lost: soon after a loss, and not all the time while more is lost.
    fn is_search_due(&mut self, lately: bool, now: BootNanos) -> bool {
        self.missed |= lately;
        let is_due = self.missed && now >= self.search;
        if is_due {
            (self.missed, self.search) = (false, now.plus(EVERY));
        }
        is_due
    }
}

impl Engine {
    /// Now and then; at once after a loss.
    pub fn reconcile(&mut self, now: BootNanos) {
        let told = |(ring, kind): &(&str, &str)| *ring == "lifecycle" || *kind == "label";
        let lost = self.maps.losses().into_iter().filter(|(key, _)| told(key)).map(|(_, total)| total).sum();
        let lately = std::mem::replace(&mut self.reconciliation.lost, lost) < lost;
        if self.reconciliation.is_search_due(lately, now) {
            tracing::warn!(
                lost,
                "records of programs that begin were lost: agents among them are looked for"
            );
            self.adopt();
        }
        if !lately && now < self.reconciliation.next {
            return;
        }
        self.reconciliation.next = now.plus(EVERY);
        let mut adopted = 0_u32;
        for (pid, label) in self.maps.labels() {
            adopted += u32::from(self.reconcile_label(pid, label));
        }
        if adopted > 0 {
            tracing::info!(adopted, "labelled processes whose beginning was not told are known now");
        }
        self.reconcile_processes(now);
        self.watch_the_unwatched();
    }

    /// A process has ended: told by the kernel, or found.
    pub fn process_ended(&mut self, pid: u32, at: BootNanos) {
        self.step(Input::CallerEnded { pid });
        let left = self.decider.execs.forget(pid);
        self.take_back(left);
        let Some((session, last)) = self.decider.sessions.exit(pid) else { return };
        // The last that the engine knows. The kernel knows of those whose fork was not told.
        for (pid, label) in self.maps.labels() {
            if label.session == session.0 {
                self.reconcile_label(pid, label);
            }
        }
        if self.decider.sessions.count(session) == 0 {
            self.end_session(session, last, at);
        }
    }

    /// A label that was written when its process was ending stays: the kernel's own removal had passed by then. Where the
    /// kernel did remove it, the record of the exit comes by itself, after what the process did.
    pub fn unlabel_if_ended(&mut self, pid: u32, start: BootNanos) {
        match life(pid, start) {
            Life::Ended if self.maps.label(pid).is_some_and(|label| label.start_ns == start.0) => {
                self.maps.remove_label(pid);
                self.process_ended(pid, boot_now());
            }
            Life::Ending => self.reconciliation.next = BootNanos(0), // not to be told yet: looked at again
            Life::Runs | Life::Ended | Life::Unknown => {}
        }
    }

    /// Removes the label of a process that has ended; gives whether the process was unknown, and is known now.
    fn reconcile_label(&mut self, pid: u32, label: Label) -> bool {
        let (id, start) = (SessionId(label.session), BootNanos(label.start_ns));
        match life(pid, start) {
            // Read again: the number may have been given to a process that was just labelled.
            Life::Ended if self.maps.label(pid) == Some(label) => {
                tracing::info!(session = %id, pid, "the label of a process that has ended is removed");
                self.maps.remove_label(pid);
                false
            }
            Life::Runs => {
                let known = self.decider.sessions.process(pid).is_some_and(|process| process.start == start);
                if known && self.decider.sessions.session_of(pid) == Some(id) {
                    return false;
                }
                self.revive(id);
                let found = procfs::read(pid).map(|running| running.process);
                let process = Process { pid, start, ..found.unwrap_or_default() };
                self.decider.sessions.add_process(id, process);
                true
            }
            // An ending one is told of by the kernel, and looked at again otherwise.
            Life::Ended | Life::Ending | Life::Unknown => false,
        }
    }

    /// A session of which the engine knows nothing, and a member lives: what it did is unknown, so everything asks.
    fn revive(&mut self, id: SessionId) {
        if self.decider.sessions.get(id).is_some() {
            return;
        }
        tracing::warn!(session = %id, "a session that had seemed to end has a living process");
        self.expect_session();
        let known = self.maps.session(id);
        if known.is_none()
            && let Err(error) =
                self.maps.add_session(id, KernelSession { flags: GATED, ..KernelSession::default() })
        {
            // Fails open, visibly: its connections do not ask.
            tracing::error!(session = %id, %error, "the session cannot be told to the kernel; it is observed only");
        }
        let session = self.restore(id, None);
        self.decider.sessions.insert(session);
        self.decider.settle_gate(id); // it is incomplete
    }

    /// Processes that the engine knows and the kernel has no label for: their exit was lost, or their label was.
    fn reconcile_processes(&mut self, now: BootNanos) {
        let unlabelled: Vec<(u32, SessionId, BootNanos)> = self
            .decider
            .sessions
            .processes()
            .filter(|(session, process)| {
                self.maps.label(process.pid).is_none_or(|label| label.session != session.0)
            })
            .map(|(session, process)| (process.pid, session, process.start))
            .collect();
        let before = std::mem::take(&mut self.reconciliation.untold);
        for (pid, session, start) in unlabelled {
            match life(pid, start) {
                // Asked after the label was: a process that still runs had none, and did not lose it by its exit.
                Life::Runs if start.0 > 0 => self.label_again(pid, session, start),
                Life::Runs | Life::Unknown => {}
                Life::Ending | Life::Ended => {
                    let since = before.get(&(pid, start)).copied().unwrap_or(now);
                    if now < since.plus(EVERY) {
                        self.reconciliation.untold.insert((pid, start), since);
                    } else {
                        self.process_ended(pid, now);
                    }
                }
            }
        }
    }

    /// The table of labels was full when it was forked.
    pub(super) fn label_again(&mut self, pid: u32, session: SessionId, start: BootNanos) {
        if let Err(error) = self.maps.set_label(pid, Label { session: session.0, start_ns: start.0 }) {
            // Fails open, visibly: it runs unwatched until there is room.
            tracing::error!(%session, pid, %error, "a process of the session has no label; it runs unwatched");
            return;
        }
        self.note_open_sockets(session, pid);
        self.adopt_descendants(pid, false);
        self.unlabel_if_ended(pid, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_looked_for_after_a_loss_and_not_all_the_time_while_more_is_lost() {
        let at = |seconds: u64| BootNanos(seconds * 1_000_000_000);
        let mut reconciliation = Reconciliation::default();
        assert!(!reconciliation.is_search_due(false, at(1)), "nothing was lost");
        assert!(reconciliation.is_search_due(true, at(2)));
        assert!(!reconciliation.is_search_due(true, at(3)), "looked for a second ago");
        assert!(reconciliation.is_search_due(false, at(7)), "what was lost meanwhile");
        assert!(!reconciliation.is_search_due(false, at(20)), "nothing was lost since");
    }
}
