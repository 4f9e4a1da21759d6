//! Sessions and holds as the control API shows them.

use crate::control::{
    api::{ApprovalView, HoldView, SessionView},
    suspensions::SuspensionView,
};
use interlock_core::{
    decide::Decider,
    facts::{SessionId, SessionStatus},
    holds::{Given, Hold, evidence::Evidence},
    sessions::{Registry, Session},
};
use interlock_host::{
    clock::{Wall, boot_now},
    proc::terminal,
};

pub fn session_view(decider: &Decider, wall: &Wall, session: &Session) -> SessionView {
    SessionView {
        id: session.id.to_string(),
        agent: session.agent.clone(),
        recognised_by: session.recognised_by.clone(),
        unattended: session.unattended.clone(),
        root: session.id.root(),
        command: session.command.clone(),
        container: session.container.clone(),
        pod: session.pod.as_deref().cloned(),
        user: session.user,
        workspace: session.workspace.as_ref().map(|path| path.display().to_string()),
        started: wall.at(session.started),
        processes: decider.sessions.count(session.id),
        status: session_status(decider, session),
        touched: session.touched(),
        risk: session.memory.risk(boot_now()),
        incomplete: session.incomplete,
        by_signal: session.by_signal(),
        suspended: session.suspension().map(|suspension| SuspensionView {
            way: suspension.way,
            until: wall.at(suspension.until),
            by: suspension.who.text(),
            reason: suspension.reason.clone(),
        }),
        background: is_in_the_background(&decider.sessions, session),
    }
}

fn session_status(decider: &Decider, session: &Session) -> SessionStatus {
    if session.is_frozen() {
        SessionStatus::Frozen
    } else if decider.holds().of_session(session.id.0).next().is_some() {
        SessionStatus::Holding
    } else {
        session.status(boot_now())
    }
}

pub fn hold_view(sessions: &Registry, wall: &Wall, hold: &Hold) -> HoldView {
    let evidence = Evidence::of(hold);
    HoldView {
        id: hold.id(),
        state: hold.state,
        session: SessionId(hold.session).to_string(),
        user: hold.owner,
        agent: hold.agent.clone(),
        pod: sessions.get(SessionId(hold.session)).and_then(|session| session.pod.as_deref().cloned()),
        pid: hold.pid,
        command: hold.command.clone(),
        others: hold.company.lines(),
        destination: hold.target(),
        rule: hold.rule.clone(),
        summary: hold.summary.clone(),
        severity: hold.severity,
        because: hold.because.clone(),
        since: wall.at(hold.since),
        asked_ns: hold.since.0,
        evidence: evidence.token().to_owned(),
        evidence_sha256: evidence.whole().to_owned(),
        terms: hold.terms.clone(),
        approvals: hold.given().map(|given| approval_view(wall, given)).collect(),
        deadline: hold.deadline.map(|deadline| wall.at(deadline)),
        then: hold.then,
        decided_by: hold.decided_by.clone(),
        decided: hold.decided_at.map(|at| wall.at(at)),
        reason: hold.reason.clone(),
        background: stops_a_job(sessions, hold),
    }
}

fn approval_view(wall: &Wall, given: &Given) -> ApprovalView {
    ApprovalView { by: given.by.clone(), at: wall.at(given.at), reason: given.reason.clone() }
}

/// Whether it runs, had the keys of a terminal, and has them no more.
fn is_in_the_background(sessions: &Registry, session: &Session) -> bool {
    let had = session.terminal.filter(|pid| sessions.session_of(*pid) == Some(session.id));
    !session.is_frozen() && had.is_some_and(terminal::is_in_the_background)
}

/// Whether a shell has taken the terminal from whom the hold stops.
fn stops_a_job(sessions: &Registry, hold: &Hold) -> bool {
    let session = SessionId(hold.session);
    let is_member = |pid: u32| sessions.session_of(pid) == Some(session);
    hold.callers.iter().any(|caller| is_member(caller.pid) && terminal::has_lost_the_keys(caller.pid))
}
