//! State as the control API shows it.

use std::collections::BTreeMap;

use super::engine::Engine;
use crate::control::api::{HoldView, RulesView, SessionView, Status};
use interlock_core::{
    facts::{HoldState, SessionId, SessionStatus},
    health::{Check, CheckState},
    holds::Hold,
    sessions::Session,
};
use interlock_host::{
    clock::boot_now,
    probes::{
        self,
        loader::{InForce, State},
        selftest::{Finding, Proof},
        table::Backend,
    },
    proc::terminal::{has_lost_the_keys, is_in_the_background},
};

impl Engine {
    pub fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            started: self.started,
            mode: self.config.mode,
            rules: self.rules_view(),
            sessions: self.decider.sessions.len(),
            holds_waiting: self.decider.holds().waiting().count(),
            frozen: self.decider.sessions.iter().filter(|session| session.is_frozen()).count(),
            events: self.events,
            lost: self.lost(),
            dismissed: self.dismissed.named(),
            enforcement: self.enforcement(),
            registries: self.registries_view(),
            metrics: self.metrics_address.clone(),
            socket: self.config.socket.display().to_string(),
        }
    }

    pub fn rules_view(&self) -> RulesView {
        RulesView {
            count: self.policies.rules.len(),
            sha256: self.policies.rules.sha256().to_owned(),
            loaded: self.policies.loaded,
            problem: self.policies.problem.clone(),
            packs_off: self.packs_off(),
            weaker: self.weaker_rules(),
        }
    }

    pub fn session_view(&self, session: &Session) -> SessionView {
        SessionView {
            id: session.id.to_string(),
            agent: session.agent.clone(),
            recognised_by: session.recognised_by.clone(),
            unattended: session.unattended.clone(),
            root: session.id.root(),
            command: session.command.clone(),
            user: session.user,
            workspace: session.workspace.as_ref().map(|path| path.display().to_string()),
            started: self.wall(session.started),
            processes: self.decider.sessions.count(session.id),
            status: self.session_status(session),
            touched: session.touched(),
            risk: session.memory.risk(boot_now()),
            incomplete: session.incomplete,
            by_signal: session.by_signal(),
            background: self.is_in_the_background(session),
        }
    }

    fn session_status(&self, session: &Session) -> SessionStatus {
        if session.is_frozen() {
            SessionStatus::Frozen
        } else if self.decider.holds().of_session(session.id.0).next().is_some() {
            SessionStatus::Holding
        } else {
            session.status(boot_now())
        }
    }

    pub fn hold_view(&self, hold: &Hold) -> HoldView {
        HoldView {
            id: hold.id(),
            state: hold.state,
            session: SessionId(hold.session).to_string(),
            agent: hold.agent.clone(),
            pid: hold.pid,
            command: hold.command.clone(),
            others: hold.company.lines(),
            destination: hold.target(),
            rule: hold.rule.clone(),
            summary: hold.summary.clone(),
            severity: hold.severity,
            because: hold.because.clone(),
            since: self.wall(hold.since),
            deadline: hold.deadline.map(|deadline| self.wall(deadline)),
            then: hold.then,
            decided_by: hold.decided_by.clone(),
            background: self.stops_a_job(hold),
        }
    }

    /// Whether it runs, had the keys of a terminal, and has them no more.
    fn is_in_the_background(&self, session: &Session) -> bool {
        let had = session.terminal.filter(|pid| self.decider.sessions.session_of(*pid) == Some(session.id));
        !session.is_frozen() && had.is_some_and(is_in_the_background)
    }

    /// Whether a shell has taken the terminal from whom the hold stops.
    fn stops_a_job(&self, hold: &Hold) -> bool {
        let session = SessionId(hold.session);
        let is_member = |pid: u32| self.decider.sessions.session_of(pid) == Some(session);
        hold.callers.iter().any(|caller| is_member(caller.pid) && has_lost_the_keys(caller.pid))
    }

    /// What this machine allows, and what is attached right now.
    pub fn doctor(&self) -> Vec<Check> {
        probes::doctor()
            .into_iter()
            .chain(self.probes.in_force().iter().map(|served| in_force(served, &self.proofs)))
            .chain([self.check_rules(), self.check_packs()])
            .chain(self.check_losses())
            .collect()
    }

    pub fn update_gauges(&self) {
        let mut agents: BTreeMap<&str, usize> = BTreeMap::new();
        for session in self.decider.sessions.iter() {
            *agents.entry(session.agent.as_str()).or_default() += 1;
        }
        self.metrics.sessions(agents);
        self.metrics.holds(HoldState::Waiting, self.decider.holds().waiting().count());
        for state in [HoldState::Approved, HoldState::Denied, HoldState::Expired, HoldState::Gone] {
            self.metrics
                .holds(state, self.decider.holds().decided().filter(|hold| hold.state == state).count());
        }
    }
}

fn in_force(served: &InForce, proofs: &[Proof]) -> Check {
    let mut refused = refusals(&served.refused);
    let finding = proofs.iter().find(|proof| proof.feature == served.feature).map(|proof| &proof.finding);
    refused.extend(finding.and_then(Finding::reason));
    let found = match served.offer {
        Some(offer) => format!("{}: {}", offer.backend.name(), offer.can),
        None => "nothing attached".to_owned(),
    };
    if let State::Failed(why) = &served.state {
        refused.push(format!("not attached: {why}"));
    }
    let state =
        if served.offer.is_some() && refused.is_empty() { CheckState::Good } else { CheckState::Limited };
    let rests = served.offer.is_some() && served.state == State::Detached;
    let marks = [(finding.is_some_and(Finding::is_proven), "proven"), (rests, "at rest")];
    let marks: Vec<&str> = marks.iter().filter_map(|(holds, mark)| holds.then_some(*mark)).collect();
    let found = if marks.is_empty() { found } else { format!("{found} ({})", marks.join(", ")) };
    let advice = (!refused.is_empty()).then(|| refused.join("; "));
    Check { subject: served.feature.name().into(), state, found, advice }
}

/// `lsm, tracing: Operation not permitted (os error 1)`: each reason once, with the backends it keeps away.
fn refusals(refused: &[(Backend, String)]) -> Vec<String> {
    let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
    for (backend, why) in refused {
        match grouped.iter_mut().find(|(known, _)| known == why) {
            Some((_, backends)) => backends.push(backend.name()),
            None => grouped.push((why, vec![backend.name()])),
        }
    }
    grouped.into_iter().map(|(why, backends)| format!("{}: {why}", backends.join(", "))).collect()
}
