//! Held connections: the decision about a flow, and carrying it into the kernel.

use std::time::Duration;

use monitor_common::{
    event::network::{Connect, outcome},
    label::{GATED, Taint},
    policy::{FLOW_ALLOWED, FLOW_DENIED, Flow, FlowVerdict},
};

use super::{
    engine::Engine,
    searches::{Had, Shared},
};
use interlock_core::{
    decide::Input,
    facts::{BootNanos, Destination, SessionId},
    holds::{HeldCaller, HeldFlow},
};
use interlock_host::{clock::boot_now, enforcement::flow::Connection, proc::procfs};

/// `IPPROTO_TCP`, `IPPROTO_MPTCP`.
const TCP: u16 = 6;
const MPTCP: u16 = 262;
/// Processes that may have sent a connection: so many are looked at.
const OTHERS_MAX: usize = 1024;
/// Who started a process, and who started that one, and so on: so many are looked at.
const CREATORS_MAX: usize = 16;
/// TCP gives up unacknowledged data after about 15 minutes (`tcp_retries2`); until then a closed socket's queue must
/// stay held.
const TCP_GIVES_UP: Duration = Duration::from_secs(20 * 60);

impl Engine {
    /// Whether this question has been answered, or is being asked, already: two CPUs may ask about one flow at once.
    pub fn is_settled(&mut self, asked: &HeldFlow) -> bool {
        let Some(flow) = self.maps.flow(asked.cookie) else { return true };
        let decided = self.maps.verdict(asked.cookie).filter(|decided| decided.is_about(&flow));
        if let Some(decided) = decided.filter(|_| asked.goes_on(&flow)) {
            if decided.verdict == FLOW_DENIED {
                return true;
            }
            if decided.generation >= asked.generation {
                self.push(SessionId(flow.session), flow.tgid, asked.cookie);
                return true;
            }
        }
        if !self.decider.is_asked(asked) {
            return false;
        }
        self.step(Input::AsksAgain(*asked));
        true
    }

    /// Whether nobody has seen the begin of a stream, and it has said nothing since: who it is for is a guess. A person cannot
    /// judge a guess, a model must not be stopped by one, and a control plane must not pass by one.
    pub fn began_unseen(&self, asked: &HeldFlow) -> bool {
        let is_older = |flow: Flow| flow.older != 0 && flow.protocol == TCP;
        self.maps.flow(asked.cookie).is_some_and(is_older) && self.maps.flow_name(asked.cookie).is_none()
    }

    /// Lets a flow through, under the generation it asked with, and pushes its data out.
    pub fn release(&mut self, session: SessionId, pid: u32, asked: &HeldFlow) {
        let HeldFlow { cookie, .. } = *asked;
        if !self.goes_on(asked) {
            return;
        }
        if let Err(error) = self.maps.decide_flow(cookie, asked.decided(FLOW_ALLOWED)) {
            tracing::error!(cookie, %error, "the flow cannot be released; it stays held");
            return;
        }
        self.push(session, pid, cookie);
    }

    /// Denies a flow for good, and lets the program see an error. Where the socket goes elsewhere by now, what waited is gone,
    /// and the new connection is not the denied one.
    pub fn refuse(&mut self, session: SessionId, pid: u32, asked: &HeldFlow) {
        let HeldFlow { cookie, .. } = *asked;
        if !self.goes_on(asked) {
            return;
        }
        self.deny_flow(cookie, asked.decided(FLOW_DENIED));
        self.reset(session, pid, cookie, (asked.address, asked.port));
    }

    fn goes_on(&self, asked: &HeldFlow) -> bool {
        self.maps.flow(asked.cookie).is_some_and(|flow| asked.goes_on(&flow))
    }

    /// The socket is closed by everybody; what is still queued must not leave.
    pub fn flow_is_closed(&mut self, cookie: u64, at: BootNanos) {
        self.keep_held(cookie, at);
        self.step(Input::FlowClosed { cookie });
    }

    pub fn deny_flow(&mut self, cookie: u64, denied: FlowVerdict) {
        if let Err(error) = self.maps.decide_flow(cookie, denied) {
            // Fails closed: undecided data is dropped like denied data.
            tracing::error!(cookie, %error, "the denial cannot be written; the flow stays held");
        }
    }

    /// Denies a flow that nobody can be asked about any more, until TCP has given up on it.
    pub fn keep_held(&mut self, cookie: u64, at: BootNanos) {
        let Some(flow) = self.maps.flow(cookie) else { return };
        self.deny_flow(cookie, present(cookie, &flow).decided(FLOW_DENIED));
        self.lingering.entry(cookie).or_insert(at.plus(TCP_GIVES_UP));
    }

    pub fn let_go_of_lingering(&mut self, now: BootNanos) {
        let before = self.lingering.len();
        self.lingering.retain(|cookie, until| {
            let stays = *until > now;
            if !stays {
                self.maps.remove_flow(*cookie);
            }
            stays
        });
        if self.lingering.len() != before {
            self.follow_sessions();
        }
    }

    /// At a session's end: what was not let through stays held, the rest is forgotten. A connection of a session whose
    /// connections ask may have data queued that was never tried (`TCP_CORK`), and outlive its processes: in flight to
    /// somebody else (`SCM_RIGHTS`), among an io_uring's files.
    pub fn settle_flows_of(&mut self, id: SessionId, at: BootNanos) {
        let flows: Vec<(u64, Flow)> =
            self.maps.flows().into_iter().filter(|(_, flow)| flow.session == id.0).collect();
        let asks = self.is_gated(id);
        for (cookie, flow) in flows {
            let may_queue = asks && flow.protocol == TCP && !self.is_let_through(id, cookie, &flow);
            if flow.closed != 0 || may_queue || self.waits(cookie, &flow) || self.is_denied(cookie, &flow) {
                self.keep_held(cookie, at);
            } else {
                self.maps.remove_flow(cookie);
            }
        }
    }

    /// Whether the session's flows ask before their data leaves, as the kernel sees it.
    pub fn is_gated(&self, id: SessionId) -> bool {
        let Some(session) = self.maps.session(id) else { return false };
        let asks = |taint: Taint| taint.touches > session.settled || taint.lost != 0;
        session.flags & GATED != 0 || self.maps.taint(id).is_some_and(asks)
    }

    /// Whether the flow's data waits for a decision.
    pub fn waits(&self, cookie: u64, flow: &Flow) -> bool {
        let decided = self.maps.verdict(cookie).filter(|decided| decided.is_about(flow));
        flow.asked != 0
            && decided
                .is_none_or(|decided| decided.verdict == FLOW_ALLOWED && decided.generation < flow.asked)
    }

    /// Whether what the flow sends now has been decided, under all that its session has touched.
    fn is_let_through(&self, id: SessionId, cookie: u64, flow: &Flow) -> bool {
        let decided = self.maps.verdict(cookie).filter(|decided| decided.is_about(flow));
        let now = self.maps.generation(id);
        decided.is_some_and(|decided| {
            decided.verdict == FLOW_ALLOWED && now.is_some_and(|now| decided.generation >= now)
        })
    }

    fn is_denied(&self, cookie: u64, flow: &Flow) -> bool {
        let decided = self.maps.verdict(cookie).filter(|decided| decided.is_about(flow));
        decided.is_some_and(|decided| decided.verdict == FLOW_DENIED)
    }

    /// Notes the connections that a process had before it was labelled: they are held at their next request too. But not
    /// those that it has from somebody outside of the session who has them still: who sends what can't be told apart there, and a
    /// person's own program must not be stopped. Fails open, and says so.
    pub fn note_open_sockets(&mut self, id: SessionId, pid: u32) {
        if !self.may_have_connections(id, pid) {
            return; // as most
        }
        let creators = self.creators_outside(pid);
        if let Some(had) = self.connections_before(id, pid, creators) {
            self.note_connections(id, had);
        }
    }

    /// Those that took time to find may be a session's no more, or another's.
    pub fn note_connections(&mut self, id: SessionId, had: Had) {
        let Had { pid, mut own, shared } = had;
        // Asked again now: a child of the session has its label only a moment after it has its descriptors
        // (kernel/fork.c:copy_process, kernel_clone, v6.1–v7.2).
        let (theirs, not_theirs): (Vec<Shared>, Vec<Shared>) = shared
            .into_iter()
            .partition(|shared| shared.holders.iter().any(|holder| self.is_outside(*holder)));
        own.extend(not_theirs.into_iter().map(|shared| shared.connection));
        self.note_each(id, pid, own, theirs.into_iter().map(|shared| shared.connection).collect());
        if let Some(caller) = self.receivers.remove(&pid) {
            self.resume(id, caller);
        }
    }

    fn note_each(&mut self, id: SessionId, pid: u32, own: Vec<Connection>, shared: Vec<Connection>) {
        if self.decider.sessions.session_of(pid) != Some(id) {
            return;
        }
        for connection in shared {
            let Connection { cookie, address, port, protocol, .. } = connection;
            if self.maps.flow(cookie).is_some_and(|flow| flow.session == id.0 && flow.older != 0) {
                self.maps.remove_flow(cookie); // noted when it was sent, until it was known who has it
            }
            let to = self.destination(id, address, port, protocol, boot_now());
            self.tell_shared(id, pid, &to);
        }
        for Connection { cookie, address, port, protocol, .. } in own {
            if protocol == MPTCP {
                self.end_multipath(id, pid, cookie, (address, port));
                continue;
            }
            if self.maps.flow(cookie).is_some_and(|flow| flow.session == id.0) {
                continue; // the kernel knows it, and better
            }
            let flow = Flow { older: 1, ..Flow::new(id.0, pid, address, port, protocol) };
            if let Err(error) = self.maps.note_flow(cookie, flow) {
                tracing::warn!(pid, %error, "a connection that was open before cannot be followed");
            }
        }
    }
}

impl Engine {
    /// A connection came into a process's hands that it has not opened. What was taken out of another process is the session's from
    /// here on. What was sent is not, where somebody outside has it still: who sends what can't be told apart there, and a
    /// person's own program must not be stopped.
    pub fn on_received(&mut self, id: SessionId, caller: HeldCaller, received: &Connect, to: &Destination) {
        let pid = caller.pid;
        let process = self.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
        let event = self.event("flow-received", BootNanos(received.header.at_ns), id);
        let why = "another process opened this connection";
        self.publish(event.process(&process).destination(to).with("message", why));
        let taken = received.outcome == outcome::TAKEN;
        if received.cookie == 0 {
            self.receivers.insert(pid, caller);
        } else if taken {
            return; // the kernel has noted it
        }
        let others = if taken { Vec::new() } else { self.others_outside(pid) };
        if let Some(had) = self.connections_before(id, pid, others) {
            self.note_connections(id, had);
        }
    }

    /// Those without a label who could have sent the process something: processes of its user.
    fn others_outside(&self, pid: u32) -> Vec<u32> {
        let user = procfs::user(pid);
        let all = procfs::parents().into_iter().map(|(pid, _)| pid);
        let others = all.filter(|other| procfs::user(*other) == user && self.is_outside(*other));
        others.take(OTHERS_MAX).collect()
    }

    /// Whether the process is of no session. One of a session loses its label when it begins to end, and its descriptors a moment later
    /// (kernel/exit.c:do_exit, v6.1–v7.2): in between it looks like somebody outside who has what the session has.
    fn is_outside(&self, pid: u32) -> bool {
        self.maps.label(pid).is_none() && procfs::is_at_work(pid)
    }

    /// A multipath connection from before its label: its packets are sent by sockets below it that no descriptor leads to, so
    /// they cannot be held. Its program may connect again, and gets TCP.
    fn end_multipath(&mut self, id: SessionId, pid: u32, cookie: u64, to: ([u8; 16], u16)) {
        self.reset(id, pid, cookie, to);
        let at = boot_now();
        let destination = self.destination(id, to.0, to.1, TCP, at);
        let process = self.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
        let why = "the connection is older than its session and of several paths, so it could not be held";
        let event = self.event("flow-reset", at, id).process(&process).destination(&destination);
        self.publish(event.with("message", why));
    }

    /// Those without a label who started the process: from whom it may have inherited connections.
    fn creators_outside(&self, pid: u32) -> Vec<u32> {
        let creators = std::iter::successors(procfs::parent(pid), |pid| procfs::parent(*pid));
        creators.take(CREATORS_MAX).filter(|pid| *pid > 1 && self.is_outside(*pid)).collect()
    }

    pub fn tell_shared(&mut self, id: SessionId, pid: u32, to: &Destination) {
        let at = boot_now();
        let process = self.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
        let why = "a process outside of the session has this connection too, so it counts as that process's and is not held";
        let event = self.event("flow-shared", at, id).process(&process).destination(to);
        self.publish(event.with("message", why));
    }
}

/// What a flow asked last, as the kernel remembers it.
pub(super) fn present(cookie: u64, flow: &Flow) -> HeldFlow {
    let Flow { address, port, asked, tgid, .. } = *flow;
    HeldFlow { cookie, generation: asked, asked: boot_now(), address, port, gone: false, opener: tgid }
}
