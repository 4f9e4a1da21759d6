//! Held connections: the decision about a flow, and carrying it into the kernel.

use std::time::Duration;

use monitor_common::{
    label::{GATED, Taint},
    policy::{FLOW_ALLOWED, FLOW_DENIED, Flow, FlowVerdict},
};
use serde_json::json;

use super::{engine::Engine, holding::Waiting};
use crate::{
    clock::boot_now,
    enforcement::flow::{self, Connection, Reached},
    facts::{Action, BootNanos, Fact, SessionId},
    holds::HeldFlow,
    rules::Verdict,
};

/// `IPPROTO_TCP`.
const TCP: u16 = 6;
/// TCP gives up unacknowledged data after about 15 minutes (`tcp_retries2`); until then a closed socket's queue must
/// stay held.
const TCP_GIVES_UP: Duration = Duration::from_secs(20 * 60);

impl Engine {
    /// Whether this question has been answered, or is being asked, already: two CPUs may ask about one flow at once.
    pub fn is_settled(&mut self, asked: &HeldFlow) -> bool {
        let Some(flow) = self.uplink.flow(asked.cookie) else { return true };
        let decided = self.uplink.verdict(asked.cookie).filter(|decided| decided.is_about(&flow));
        if let Some(decided) = decided.filter(|_| asked.goes_on(&flow)) {
            if decided.verdict == FLOW_DENIED {
                return true;
            }
            if decided.generation >= asked.generation {
                self.push(SessionId(flow.session), flow.tgid, asked.cookie);
                return true;
            }
        }
        let Some(held) = self.holds.of_flow(asked) else { return false };
        // It waits already; a newer generation only means that more was touched meanwhile.
        held.generation = held.generation.max(asked.generation);
        true
    }

    pub fn decide_flow(&mut self, fact: &Fact, verdict: &Verdict, flow: HeldFlow) {
        let action = verdict.action;
        let asked = ("flow.asked_ns", json!(fact.at.0));
        if action <= Action::Alert || self.observing() {
            if action > Action::Alert {
                self.report_with(would(action), fact, verdict, action, &[asked]);
            } else if verdict.matches.is_empty() {
                // With the name that it said by now: what a record of the session is judged by again.
                self.report("flow-passed", fact, verdict, action);
            } else {
                self.report("connect", fact, verdict, action);
            }
            self.release(fact.session, fact.process.pid, &flow);
            return;
        }
        if action <= Action::Deny && self.began_unseen(&flow) {
            // Nothing of what waits has left, so whoever sent it may send it again: on a connection that says who it is for.
            self.refuse(fact.session, fact.process.pid, &flow);
            let why = "the connection is older than its session, and does not say who it is for";
            self.report_with("flow-reset", fact, verdict, Action::Alert, &[asked, ("message", json!(why))]);
            return;
        }
        if action == Action::Hold {
            self.hold_or_harder(fact, verdict, Waiting::Flow(flow));
            return;
        }
        self.refuse(fact.session, fact.process.pid, &flow);
        let decided = ("flow.decided_ns", json!(boot_now().0));
        self.report_with("flow-denied", fact, verdict, action, &[asked, decided]);
    }

    /// Whether nobody has seen the begin of a stream, and it has said nothing since: who it is for is a guess. A person cannot
    /// judge a guess, a model must not be stopped by one, and a control plane must not pass by one.
    fn began_unseen(&self, asked: &HeldFlow) -> bool {
        let is_older = |flow: Flow| flow.older != 0 && flow.protocol == TCP;
        self.uplink.flow(asked.cookie).is_some_and(is_older) && self.uplink.flow_name(asked.cookie).is_none()
    }

    /// Lets a flow through, under the generation it asked with, and pushes its data out.
    pub fn release(&mut self, session: SessionId, pid: u32, asked: &HeldFlow) {
        let HeldFlow { cookie, .. } = *asked;
        if !self.goes_on(asked) {
            return;
        }
        if let Err(error) = self.uplink.decide_flow(cookie, asked.decided(FLOW_ALLOWED)) {
            tracing::error!(cookie, %error, "the flow cannot be released; it stays held");
            return;
        }
        self.push(session, pid, cookie);
    }

    fn push(&mut self, session: SessionId, pid: u32, cookie: u64) {
        match flow::push(&self.registry.pids(session, pid), cookie) {
            Ok(Reached::Yes) => {}
            // TCP's own timer sends it. That can take as long as the flow was held.
            Ok(Reached::Gone) => {
                tracing::debug!(cookie, "no process has the socket; TCP will send what is left")
            }
            Err(error) => tracing::debug!(cookie, %error, "not a TCP socket: its next packet passes"),
        }
    }

    /// Denies a flow for good, and lets the program see an error. Where the socket goes elsewhere by now, what waited is gone,
    /// and the new connection is not the denied one.
    pub fn refuse(&mut self, session: SessionId, pid: u32, asked: &HeldFlow) {
        let HeldFlow { cookie, .. } = *asked;
        if !self.goes_on(asked) {
            return;
        }
        self.deny_flow(cookie, asked.decided(FLOW_DENIED));
        if let Err(error) = flow::reset(&self.registry.pids(session, pid), cookie) {
            tracing::warn!(cookie, %error, "the connection cannot be reset; its data stays held");
        }
    }

    fn goes_on(&self, asked: &HeldFlow) -> bool {
        self.uplink.flow(asked.cookie).is_some_and(|flow| asked.goes_on(&flow))
    }

    /// The socket is closed by everybody; what is still queued must not leave.
    pub fn flow_is_closed(&mut self, cookie: u64, at: BootNanos) {
        self.keep_held(cookie, at);
        for hold in self.holds.flow_closed(cookie) {
            self.hold_is_gone(hold);
        }
    }

    pub fn deny_flow(&mut self, cookie: u64, denied: FlowVerdict) {
        if let Err(error) = self.uplink.decide_flow(cookie, denied) {
            // Fails closed: undecided data is dropped like denied data.
            tracing::error!(cookie, %error, "the denial cannot be written; the flow stays held");
        }
    }

    /// Denies a flow that nobody can be asked about any more, until TCP has given up on it.
    pub fn keep_held(&mut self, cookie: u64, at: BootNanos) {
        let Some(flow) = self.uplink.flow(cookie) else { return };
        self.deny_flow(cookie, present(cookie, &flow).decided(FLOW_DENIED));
        self.lingering.entry(cookie).or_insert(at.plus(TCP_GIVES_UP));
    }

    pub fn let_go_of_lingering(&mut self, now: BootNanos) {
        let before = self.lingering.len();
        self.lingering.retain(|cookie, until| {
            let stays = *until > now;
            if !stays {
                self.uplink.remove_flow(*cookie);
            }
            stays
        });
        if self.lingering.len() != before {
            self.follow_sessions();
        }
    }

    /// At a session's end: what was not let through stays held, the rest is forgotten.
    pub fn settle_flows_of(&mut self, id: SessionId, at: BootNanos) {
        let flows: Vec<(u64, Flow)> =
            self.uplink.flows().into_iter().filter(|(_, flow)| flow.session == id.0).collect();
        for (cookie, flow) in flows {
            if flow.closed != 0 || self.waits(cookie, &flow) || self.is_denied(cookie, &flow) {
                self.keep_held(cookie, at);
            } else {
                self.uplink.remove_flow(cookie);
            }
        }
    }

    /// Whether the session's flows ask before their data leaves, as the kernel sees it.
    pub fn is_gated(&self, id: SessionId) -> bool {
        let Some(session) = self.uplink.session(id) else { return false };
        let asks = |taint: Taint| taint.touches > session.settled || taint.lost != 0;
        session.flags & GATED != 0 || self.uplink.taint(id).is_some_and(asks)
    }

    /// Whether the flow's data waits for a decision.
    pub fn waits(&self, cookie: u64, flow: &Flow) -> bool {
        let decided = self.uplink.verdict(cookie).filter(|decided| decided.is_about(flow));
        flow.asked != 0
            && decided
                .is_none_or(|decided| decided.verdict == FLOW_ALLOWED && decided.generation < flow.asked)
    }

    fn is_denied(&self, cookie: u64, flow: &Flow) -> bool {
        let decided = self.uplink.verdict(cookie).filter(|decided| decided.is_about(flow));
        decided.is_some_and(|decided| decided.verdict == FLOW_DENIED)
    }

    /// Notes the connections that a process had before it was labelled: they are held at their next request too.
    pub fn note_open_sockets(&mut self, id: SessionId, pid: u32) {
        for Connection { cookie, address, port, protocol } in flow::connections(pid) {
            let flow = Flow { older: 1, ..Flow::new(id.0, pid, address, port, protocol) };
            if let Err(error) = self.uplink.note_flow(cookie, flow) {
                tracing::warn!(pid, %error, "a connection that was open before cannot be followed");
            }
        }
    }
}

/// What a flow asked last, as the kernel remembers it.
pub(super) fn present(cookie: u64, flow: &Flow) -> HeldFlow {
    let Flow { address, port, asked, .. } = *flow;
    HeldFlow { cookie, generation: asked, asked: boot_now(), address, port, gone: false }
}

pub(super) fn would(action: Action) -> &'static str {
    match action {
        Action::Hold => "would-hold",
        Action::Deny => "would-deny",
        Action::Freeze => "would-freeze",
        _ => "would-kill",
    }
}
