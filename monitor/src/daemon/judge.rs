//! Judging: what a session did becomes an act, the act a decision, and what follows from it is carried out.

use std::time::Instant;

use interlock_core::{
    decide::{Act, Input, Pending},
    facts::{BootNanos, Process, SessionId, Subject},
};
use interlock_host::clock::boot_now;

use super::engine::Engine;

impl Engine {
    /// Judges something that has already happened.
    pub fn judge_fact(&mut self, id: SessionId, pid: u32, at: BootNanos, subject: Subject) {
        self.judge(id, pid, at, subject, Pending::None);
    }

    pub fn judge(&mut self, id: SessionId, pid: u32, at: BootNanos, subject: Subject, pending: Pending) {
        let known = self.decider.sessions.actor(id, pid).cloned();
        self.judge_deed(id, known.unwrap_or(Process { pid, ..Process::default() }), at, subject, pending);
    }

    /// The same if the process may be known to nobody any more.
    pub fn judge_deed(
        &mut self,
        session: SessionId,
        process: Process,
        at: BootNanos,
        subject: Subject,
        pending: Pending,
    ) {
        let started = Instant::now();
        let pack_off = self.policies.catalog.switched_off(&subject).map(str::to_owned);
        self.step(Input::Act(Box::new(Act { session, process, at, subject, pending, pack_off })));
        self.metrics.decided(started.elapsed());
    }

    /// Decides, and carries out what follows.
    pub fn step(&mut self, input: Input) {
        let mut effects = std::mem::take(&mut self.effects);
        self.decider.step(boot_now(), input, &mut effects);
        self.apply(effects.drain(..));
        self.effects = effects; // its room is used again
    }
}
