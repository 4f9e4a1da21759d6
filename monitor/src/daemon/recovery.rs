//! Recovery: a new daemon finds the sessions, taints and holds of the one before it, in the kernel's maps and in the
//! saved state.

use std::collections::{HashMap, HashSet};

use monitor_common::{
    label::{FROZEN, GATED, Session as KernelSession},
    policy::Flow,
};
use rustix::process::Signal;

use super::{
    engine::Engine,
    flows::present,
    snapshot::{SessionRecord, Snapshot},
};
use interlock_core::{
    decide::Input,
    facts::{BootNanos, Process, SessionId},
    holds::{HeldFlow, Hold},
    record::{Kind, Who},
    sessions::{Session, touches::Touches},
};
use interlock_host::{
    clock::boot_now,
    enforcement::{freeze, signal::Member},
    proc::{
        life::{Life, has_ended, life},
        procfs,
        surroundings::Surroundings,
    },
};

impl Engine {
    pub fn recover(&mut self, before: Snapshot) {
        let returned = self.label_the_frozen(&before.sessions);
        self.remove_stale_labels();
        let mut described: HashMap<u64, SessionRecord> =
            before.sessions.into_iter().map(|session| (session.id, session)).collect();
        for (pid, label) in self.maps.labels() {
            let id = SessionId(label.session);
            if self.decider.sessions.get(id).is_none() {
                let mut session = self.restore(id, described.remove(&label.session));
                // What exactly it touched is only known as bits: where they matter, the rules' `touched` counts as met.
                session.incomplete |= self.is_gated(id);
                if session.incomplete
                    && let Err(error) = self.maps.set_flags(id, GATED, true)
                {
                    tracing::error!(session = %id, %error, "what it touched is unknown, and its connections may not ask");
                }
                self.decider.sessions.insert(session);
            }
            let process = procfs::read(pid).map(|running| running.process);
            self.decider.sessions.add_process(id, process.unwrap_or(Process { pid, ..Process::default() }));
        }
        for (id, pid) in returned {
            if let Some(running) = procfs::read(pid) {
                self.survey_whole(id, pid, &running.env);
            }
        }
        for id in self.decider.sessions.ids() {
            self.tag_stores(id);
        }
        self.untag_strangers_later();
        self.follow_sessions();
        self.end_stale_sessions(described);
        self.freeze_again();
        // What the rings still hold comes first: its questions are asked, not denied.
        self.catch_up();
        self.step(Input::RestoredGrants(before.grants));
        self.restore_holds(before.holds);
        self.explanations.accounts.restore(before.accounts);
        self.resume_orphans();
        for group in self.freezer.unclaimed() {
            tracing::warn!(group = %group.display(), "somebody stands in a frozen group that is no session's of this daemon; if it is no other daemon's, write 0 into its cgroup.freeze");
        }
    }

    /// Without pins the labels went with the last daemon. Who stands in the freezer is its session's still: labelled again,
    /// and stands until a person says otherwise. Gives a process of each such session.
    fn label_the_frozen(&mut self, described: &[SessionRecord]) -> Vec<(SessionId, u32)> {
        let mut returned = Vec::new();
        for id in described.iter().map(|record| SessionId(record.id)) {
            self.freezer.claim(id);
            let standing = self.freezer.processes(id);
            if self.maps.session(id).is_some() || standing.is_empty() {
                continue;
            }
            self.expect_session();
            let session = KernelSession { flags: FROZEN | GATED, ..KernelSession::default() };
            if let Err(error) = self.maps.add_session(id, session) {
                // Stands all the same, and is told below as nobody's.
                tracing::error!(session = %id, %error, "a frozen session cannot be told to the kernel again");
                continue;
            }
            let first = standing.iter().copied().find(|pid| *pid == id.root()).or(standing.first().copied());
            for pid in standing {
                self.label_again(
                    pid,
                    id,
                    procfs::read(pid).map_or(BootNanos(0), |running| running.process.start),
                );
            }
            returned.extend(first.map(|pid| (id, pid)));
        }
        returned
    }

    /// A session of which the kernel knows, and what an earlier daemon wrote down of it.
    pub(super) fn restore(&mut self, id: SessionId, described: Option<SessionRecord>) -> Session {
        let seat = described.as_ref().and_then(|record| record.seat);
        let was_frozen = described.as_ref().is_some_and(|record| record.frozen);
        self.surroundings.insert(id, Surroundings { seat, ..Surroundings::default() });
        let mut session = described.map_or_else(|| undescribed(id), |record| as_described(id, record));
        // Fails closed, where either says so: the last daemon may have ended before it wrote it down.
        self.freezer.claim(id);
        let known = self.maps.session(id).unwrap_or_default();
        let frozen = was_frozen || known.flags & FROZEN != 0 || !self.freezer.processes(id).is_empty();
        session.touches = Touches::after(known.settled);
        if frozen {
            session.found_frozen();
        }
        session
    }

    /// Labels of processes that ended while no probe was attached.
    fn remove_stale_labels(&mut self) {
        for (pid, label) in self.maps.labels() {
            if life(pid, BootNanos(label.start_ns)) == Life::Ended {
                self.maps.remove_label(pid);
            }
        }
    }

    /// Sessions whose last process ended while no daemon ran: they end now. What they did meanwhile nobody saw.
    fn end_stale_sessions(&mut self, mut described: HashMap<u64, SessionRecord>) {
        for id in self.maps.sessions() {
            if self.decider.sessions.get(id).is_none() {
                let mut session = self.restore(id, described.remove(&id.0));
                session.incomplete = true;
                self.decider.sessions.insert(session);
                self.end_session(id, Process { pid: id.root(), ..Process::default() }, boot_now());
            }
        }
    }

    /// Somebody may have continued a frozen tree meanwhile, or the last daemon did not get to the end of it. What is left of
    /// the groups of a session that is over goes.
    fn freeze_again(&mut self) {
        for id in self.decider.sessions.ids() {
            if !self.decider.sessions.get(id).is_some_and(|session| session.is_frozen()) {
                continue;
            }
            let creator = |pid| self.decider.sessions.process(pid).map(|process| process.parent);
            let outcome = freeze::freeze(&mut self.maps, &mut self.freezer, id, &creator);
            self.step(Input::Stopped { session: id, outcome });
        }
        self.freezer.keep(&self.decider.sessions.ids());
    }

    /// Callers that were stopped without a hold being noted ask again.
    fn resume_orphans(&mut self) {
        let held: HashSet<u32> = self
            .decider
            .holds()
            .waiting()
            .flat_map(|hold| hold.callers.iter().map(|caller| caller.pid))
            .collect();
        for (pid, label) in self.maps.labels() {
            let frozen = self
                .decider
                .sessions
                .get(SessionId(label.session))
                .is_some_and(|session| session.is_frozen());
            if frozen || held.contains(&pid) || !procfs::is_stopped(pid) {
                continue;
            }
            let member = Member::open(&self.maps, pid, label.session);
            let continued =
                member.and_then(|member| member.map_or(Ok(()), |member| member.send(Signal::CONT)));
            if let Err(error) = continued.or_else(|error| if has_ended(&error) { Ok(()) } else { Err(error) })
            {
                tracing::error!(pid, %error, "a stopped process cannot be continued: continue it by hand (kill -CONT)");
            }
        }
    }

    /// Holds whose flow still waits go on waiting; a flow that waits without a hold is denied: silence never means yes.
    fn restore_holds(&mut self, holds: Vec<Hold>) {
        let waiting: HashMap<u64, Flow> = self
            .maps
            .flows()
            .into_iter()
            .filter(|(cookie, flow)| flow.closed == 0 && self.waits(*cookie, flow))
            .filter(|(cookie, _)| !self.partial_requests.contains(*cookie))
            .collect();
        let waits = |held: &HeldFlow| waiting.get(&held.cookie).is_some_and(|flow| held.goes_on(flow));
        let mut held: HashSet<u64> = self
            .decider
            .holds()
            .waiting()
            .flat_map(|hold| &hold.flows)
            .filter(|flow| waits(flow))
            .map(|flow| flow.cookie)
            .collect();
        for mut hold in holds {
            hold.flows.retain(|flow| waits(flow) && !held.contains(&flow.cookie));
            hold.callers.retain(|caller| self.decider.sessions.process(caller.pid).is_some());
            if !hold.flows.is_empty() || !hold.callers.is_empty() {
                held.extend(hold.flows.iter().map(|flow| flow.cookie));
                self.step(Input::Restored(Box::new(hold)));
            }
        }
        for (cookie, flow) in waiting.into_iter().filter(|(cookie, _)| !held.contains(cookie)) {
            let id = SessionId(flow.session);
            self.refuse(id, id.root(), &present(cookie, &flow));
            self.record(Kind::Deny, Who::Daemon, Some(id), [("why", "it waited while no daemon ran".into())]);
        }
    }
}

fn undescribed(id: SessionId) -> Session {
    let mut session = Session::new(id, "unknown".into(), "adopted, label in the kernel".into(), boot_now());
    session.incomplete = true;
    session
}

fn as_described(id: SessionId, record: SessionRecord) -> Session {
    let mut session = Session::new(id, record.agent, record.recognised_by, BootNanos(record.started));
    session.user = record.user;
    session.command = record.command;
    session.home = record.home;
    session.workspace = record.workspace;
    session.project = record.project;
    session.prefix = record.prefix;
    (session.serves, session.served) = (record.serves, record.served);
    session.terminal = record.terminal;
    session.unattended = record.unattended;
    if let Some((breaker, risk)) = record.breaker {
        session.resume(breaker, risk);
    }
    session.touched_before.clone_from(&record.touched);
    for touched in record.touched {
        session.remember(touched);
    }
    session
}
