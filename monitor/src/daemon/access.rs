//! Accesses: each record becomes a fact, and the fact is judged.

use std::{net::IpAddr, path::Path};

use monitor_common::{
    event::{
        file::{Open, Probe, ProcOpen},
        network::{Connect, Dns, FlowAsk, FlowClosed, outcome},
        state,
    },
    policy::AnswerKey,
};

use super::{engine::Engine, losses::DropReason};
use interlock_core::{
    decide::{Input, Pending},
    facts::{BootNanos, Destination, EnvironHow, SecretAccess, SessionId, Subject, Transport},
    holds::{HeldCaller, HeldFlow, target},
    names::{self, Answering, Identified, Shown},
    recognition::{self, environment},
};
use interlock_host::{
    clock::boot_now,
    probes::{Record, selftest},
    proc::procfs,
};

const TCP: u32 = 6;
const DNS_PORT: u16 = 53;

impl Engine {
    pub fn handle(&mut self, record: Record<'_>) {
        if record.header().session == selftest::SESSION.0 {
            return; // the proof's own, read too late for it
        }
        match record {
            Record::Fork(fork) => self.on_fork(fork),
            Record::Exec(exec) => self.on_exec(exec),
            Record::Candidate(candidate) => self.on_candidate(candidate),
            Record::Exit(exit) => self.on_exit(exit),
            Record::Open(open) => self.on_open(open),
            Record::Probe(probe) => self.on_probe(probe),
            Record::ProcOpen(open) => self.on_proc_open(open),
            Record::Execute(execute) => self.on_execute(execute),
            Record::Guard(guard) => self.on_guard(guard),
            Record::Connect(connect) => self.on_connect(connect),
            Record::FlowAsk(ask) => self.on_flow_ask(ask),
            Record::Greeting(shown) => self.on_greeting(shown),
            Record::FlowClosed(closed) => self.on_flow_closed(closed),
            Record::Dns(dns) => self.on_dns(dns),
            Record::Delegate(delegate) => self.on_delegate(delegate),
            Record::Relink(relink) => self.on_relink(relink),
            Record::Write(write) => self.on_write(write),
            Record::Socket(socket) => self.on_socket(socket),
            Record::Meeting(meeting) => self.on_meeting(meeting),
        }
    }

    fn on_open(&mut self, open: &Open) {
        self.judge_open(open);
        self.settle_touch(SessionId(open.header.session), open.touch);
    }

    /// A touch is judged: from here on it counts as what it is, not as what the kernel took it for.
    pub fn settle_touch(&mut self, id: SessionId, touch: u64) {
        if touch == 0 {
            return; // none that rules care about
        }
        let settled = self.decider.sessions.get_mut(id).and_then(|session| session.touches.judged(touch));
        // Fails closed: an unsettled touch makes the session's flows ask.
        if let Some(settled) = settled
            && let Err(error) = self.maps.settle(id, settled)
        {
            tracing::warn!(session = %id, %error, "a touch stays what it looked like");
        }
    }

    fn judge_open(&mut self, open: &Open) {
        let (id, pid) = (SessionId(open.header.session), open.header.tgid);
        let caller = HeldCaller::of(pid, &AnswerKey::of_open(id.0, open.file));
        let Some(pending) = self.pending(id, caller, open.state) else { return };
        let Some(secret) = self.opened_secret(open) else {
            if matches!(pending, Pending::Caller(_)) {
                self.resume(id, caller); // its name only looked like a secret's
            }
            self.dismiss_secret("open", id);
            return;
        };
        if open.state == state::COMMITTED {
            self.commit(id, pid, &format!("open {}", secret.path));
        }
        if open.state == state::PASSED || open.state == state::COMMITTED {
            self.remember(id, &secret);
            self.learn_contents(open, &secret);
        }
        self.judge(id, pid, BootNanos(open.header.at_ns), Subject::Open(secret), pending);
    }

    fn remember(&mut self, id: SessionId, secret: &SecretAccess) {
        if let Some(session) = self.decider.sessions.get_mut(id)
            && !secret.owner
            && self.policies.catalog.secrets.switched_off(&secret.entry).is_none()
        {
            let place = if secret.foreign { "foreign" } else { "workspace" };
            session.remember(format!("{:?} {place} {} {}", secret.grade, secret.class, secret.path));
        }
    }

    fn on_probe(&mut self, probe: &Probe) {
        let id = SessionId(probe.header.session);
        let Some(secret) = self.probed_secret(probe) else { return self.dismiss_secret("probe", id) };
        self.judge_fact(id, probe.header.tgid, BootNanos(probe.header.at_ns), Subject::Probe(secret));
    }

    fn on_proc_open(&mut self, open: &ProcOpen) {
        let Some(access) = self.opened_proc(open) else {
            return self.dismiss("environ", DropReason::Unreadable);
        };
        let opener = self.decider.sessions.actor(SessionId(open.header.session), open.header.tgid);
        if access.how == EnvironHow::Open && opener.is_some_and(environment::lists_processes) {
            self.dismiss("environ", DropReason::ListsProcesses);
            return;
        }
        let id = SessionId(open.header.session);
        if access.how == EnvironHow::Memory && self.is_own_memory(id, open.header.tgid, access.target) {
            self.dismiss("environ", DropReason::OwnMemory);
            return;
        }
        self.judge_fact(id, open.header.tgid, BootNanos(open.header.at_ns), Subject::Environ(access));
    }

    /// Whether a process's memory is the opener's own: its own, or that of a program of the workspace that it has started.
    /// Any other program may hold what its owner's tool has read: `gdb --args gh api user`.
    fn is_own_memory(&self, id: SessionId, opener: u32, target: u32) -> bool {
        if opener == target {
            return true;
        }
        let workspace = self.decider.sessions.get(id).and_then(|session| session.workspace.as_deref());
        let Some((workspace, debugged)) = workspace.zip(self.decider.sessions.actor(id, target)) else {
            return false;
        };
        let program = procfs::executable(target).unwrap_or_else(|| debugged.executable.clone());
        !recognition::is_outside(Some(workspace), Path::new(&program))
            && self.decider.sessions.ancestors(id, debugged).iter().any(|ancestor| ancestor.pid == opener)
    }

    /// A gated session's flow is judged when its first data asks, with its name; everything else here.
    fn on_connect(&mut self, connect: &Connect) {
        let (id, pid, at) =
            (SessionId(connect.header.session), connect.header.tgid, BootNanos(connect.header.at_ns));
        let caller = || HeldCaller::of(pid, &AnswerKey::of_connect(id.0, connect.address, connect.port));
        if connect.port == DNS_PORT {
            if connect.outcome == outcome::ASKED {
                self.resume(id, caller()); // name servers are never held
            }
            return;
        }
        let destination = self.destination(id, connect.address, connect.port, connect.protocol, at);
        match connect.outcome {
            outcome::ASKED => return self.on_handshake(id, caller(), at, destination),
            outcome::COMMITTED => {
                return self.commit(id, pid, &format!("connect {}", target(&destination)));
            }
            outcome::SHARED => return self.tell_shared(id, pid, &destination),
            outcome::RECEIVED | outcome::TAKEN => {
                return self.on_received(id, caller(), connect, &destination);
            }
            outcome::TURNED_AWAY => {
                let Some(pending) = self.pending(id, caller(), state::REFUSED) else { return };
                return self.judge(id, pid, at, Subject::Connect(destination), pending);
            }
            _ => {}
        }
        if destination.transport == Transport::Tcp {
            // What was queued before is gone with the connection before, also where this one goes to the same place.
            self.partial_requests.remove(connect.cookie);
            self.greetings.forget(connect.cookie);
            self.step(Input::Reconnected { cookie: connect.cookie });
        }
        let refused = connect.outcome != outcome::PASSED;
        let gated = self.is_gated(id);
        let pending = if refused {
            Pending::Refused { observed: connect.outcome == outcome::WOULD_REFUSE }
        } else {
            Pending::None
        };
        if gated && !refused {
            // A datagram socket's connect sends nothing; name lookups do it by the dozen.
            if destination.transport == Transport::Tcp {
                let process = self.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
                let event = self.event("connect", at, id).process(&process).destination(&destination);
                self.publish(event);
            }
            return;
        }
        self.judge(id, pid, at, Subject::Connect(destination), pending);
    }

    /// A process is stopped before its handshake, because a rule may want that.
    fn on_handshake(&mut self, id: SessionId, caller: HeldCaller, at: BootNanos, to: Destination) {
        let Some(pending) = self.pending(id, caller, state::ASKED) else { return };
        self.notice_losses_of(id);
        self.judge(id, caller.pid, at, Subject::Handshake(to), pending);
    }

    fn on_flow_ask(&mut self, ask: &FlowAsk) {
        if self.is_settled(&HeldFlow::of(ask)) {
            return;
        }
        let identified = self.identified(ask);
        if identified.unfinished && !self.observing() && self.partial_requests.wait(ask) {
            return;
        }
        if self.kept_name(ask).is_none() {
            let shown = self.greetings.with_before(ask);
            let shown = Shown { bytes: &shown, changeable: ask.changeable != 0 };
            let said = names::said(IpAddr::from(ask.address).to_canonical(), ask.port, shown);
            self.keep_name(ask, &said);
            self.greetings.forget(ask.cookie);
        }
        self.judge_flow(ask, &identified);
    }

    /// Flows that have begun a request and did not go on.
    pub fn judge_unfinished(&mut self) {
        for ask in self.partial_requests.overdue(boot_now()) {
            if !self.is_settled(&HeldFlow::of(&ask)) {
                let identified = self.identified(&ask);
                self.judge_flow(&ask, &identified);
            }
        }
    }

    fn judge_flow(&mut self, ask: &FlowAsk, identified: &Identified) {
        self.partial_requests.remove(ask.cookie);
        let (id, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
        self.notice_losses_of(id);
        let destination = self.asked_destination(ask, identified);
        let opener = self.maps.flow(ask.cookie).map_or(0, |flow| flow.tgid);
        let flow = HeldFlow { opener, ..HeldFlow::of(ask) };
        let pending = Pending::Flow { flow, unseen: self.began_unseen(&flow) };
        self.judge(id, ask.header.tgid, at, Subject::Connect(destination), pending);
    }

    fn on_flow_closed(&mut self, closed: &FlowClosed) {
        self.names.close(closed.cookie);
        self.greetings.forget(closed.cookie);
        self.flow_is_closed(closed.cookie, BootNanos(closed.header.at_ns));
    }

    fn on_dns(&mut self, dns: &Dns) {
        let (id, at) = (SessionId(dns.header.session), BootNanos(dns.header.at_ns));
        if self.maps.taint(id).is_some_and(|taint| taint.resolves != 0) {
            return self.dismiss("dns", DropReason::OwnResolver);
        }
        let is_tcp = dns.protocol == TCP;
        if is_tcp && dns.payload_len < dns.payload_size {
            self.names.missed(dns.cookie, at);
            return;
        }
        let message = dns.payload.get(..dns.payload_len as usize).unwrap_or_default();
        let server = IpAddr::from(dns.server);
        let Self { names, policies, resolvers, .. } = self;
        let answering = Answering {
            trusted: resolvers.contain(server, at),
            danger: &|name| recognition::danger_of(&policies.catalog.destinations, name),
            dangerous: recognition::DANGEROUS,
        };
        names.on_dns(id, dns.cookie, is_tcp, message, &answering, at);
    }
}
