//! Acts against other processes and against Interlock itself, and sockets that no flow hold sees.

use monitor_common::event::{
    network::{Socket, outcome},
    state,
    tamper::{Tamper, act},
};

use crate::daemon::{
    context::{Context, reporter::Reporter},
    intake::{judge, surveying},
};
use interlock_core::{
    decide::Pending,
    facts::{BootNanos, InspectHow, Inspection, SessionId, Severity, Subject},
    sessions::Registry,
    strings::text,
};

/// `IPPROTO_MPTCP` (include/uapi/linux/in.h).
const MPTCP: u32 = 262;

struct Attempted {
    name: &'static str,
    severity: Severity,
    what: &'static str,
}

pub fn on_tamper(ctx: &mut Context, attempt: &Tamper) {
    if attempt.act == act::INSPECT {
        on_inspect(ctx, attempt);
        return;
    }
    let (id, pid) = (SessionId(attempt.header.session), attempt.header.tgid);
    if matches!(attempt.act, act::MOUNT | act::UNMOUNT) {
        surveying::mounts_change(&mut ctx.surveying, &ctx.decider.sessions, id, pid);
    }
    let process = ctx.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
    let refused = attempt.state == state::REFUSED;
    let Attempted { name, severity, what } = attempted(attempt.act, refused);
    let event = ctx
        .reporter
        .event(&ctx.decider.sessions, name, BootNanos(attempt.header.at_ns), id)
        .process(&process)
        .alert(severity, what)
        .with("interlock.action", if refused { "deny" } else { "alert" })
        .with("guard.target", attempt.target)
        .with("guard.detail", attempt.detail)
        .with("file.name", text(&attempt.name));
    ctx.reporter.publish(&ctx.decider.sessions, event);
}

/// Another process was reached into, or it was tried.
fn on_inspect(ctx: &mut Context, attempt: &Tamper) {
    let (id, pid) = (SessionId(attempt.header.session), attempt.header.tgid);
    let own = ctx.decider.sessions.session_of(attempt.target) == Some(id);
    let subject = Subject::Inspect(Inspection { target: attempt.target, own, how: InspectHow::Ptrace });
    let refused = attempt.state == state::REFUSED;
    let pending = if refused { Pending::Refused { observed: false } } else { Pending::None };
    judge::judge(ctx, id, pid, BootNanos(attempt.header.at_ns), subject, pending);
}

/// A socket whose data the flow hold would not see.
pub fn on_socket(reporter: &mut Reporter, sessions: &Registry, socket: &Socket) {
    let id = SessionId(socket.header.session);
    let process = sessions.actor(id, socket.header.tgid).cloned().unwrap_or_default();
    let (name, action) = match socket.outcome {
        outcome::REFUSED => ("socket-refused", "deny"),
        outcome::WOULD_REFUSE => ("would-refuse", "deny"),
        _ => ("socket-odd", "alert"),
    };
    let event = reporter
        .event(sessions, name, BootNanos(socket.header.at_ns), id)
        .process(&process)
        .alert(Severity::Medium, "a process of a session made a socket that no connection is held by")
        .with("interlock.action", action)
        .with("socket.family", socket.family)
        .with("socket.type", socket.kind)
        .with("network.iana_number", socket.protocol.to_string());
    // Go's servers try MPTCP first and go on with TCP (golang/go:src/net/mptcpsock_linux.go, on by default from 1.24):
    // nothing was kept from them, and nobody is called for it.
    let goes_on = socket.outcome == outcome::REFUSED && socket.protocol == MPTCP;
    reporter.publish(sessions, if goes_on { event.without_alert() } else { event });
}

fn attempted(act: u32, refused: bool) -> Attempted {
    let (name, what) = match act {
        act::SIGNAL => ("tamper", "a process of a session sent a signal to Interlock"),
        act::BPF => ("tamper", "a process of a session called bpf"),
        act::REMOVE => ("tamper", "a process of a session removed or replaced a file of Interlock's"),
        act::CREATE => ("tamper", "a process of a session made a file among Interlock's own"),
        act::WRITE => ("tamper", "a process of a session changed a file of Interlock's"),
        act::MOUNT => ("mount", "a process of a session mounted something"),
        act::UNMOUNT => ("mount", "a process of a session took a mount away"),
        act::UNSEEN_OPEN => {
            ("unseen-open", "a process of a session opened a file or took a message inside io_uring, unseen")
        }
        _ => ("guard", "a process of a session did something that is watched"),
    };
    let severity = match (name, refused) {
        (_, true) | ("tamper", _) => Severity::High,
        ("mount", false) => Severity::Low,
        _ => Severity::Medium,
    };
    Attempted { name, severity, what }
}
