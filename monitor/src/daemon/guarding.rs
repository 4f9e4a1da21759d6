//! Acts against other processes and against Interlock itself, ways around the tree, other names for secrets.

use std::path::PathBuf;

use monitor_common::{
    event::{
        delegate::Delegate,
        file::{Relink, Write, relink},
        guard::{Guard, act},
        network::{Socket, outcome},
        state,
    },
    policy::AnswerKey,
};

use super::{engine::Engine, losses::DropReason};
use interlock_core::{
    decide::Pending,
    facts::{BootNanos, InspectHow, Inspection, LinkHow, Relink as Renamed, SessionId, Severity, Subject},
    holds::HeldCaller,
    recognition,
    strings::text,
};
use interlock_host::proc::{procfs, root};

/// `IPPROTO_MPTCP` (include/uapi/linux/in.h).
const MPTCP: u32 = 262;

impl Engine {
    pub fn on_guard(&mut self, guard: &Guard) {
        if guard.act == act::INSPECT {
            self.on_inspect(guard);
            return;
        }
        let (id, pid) = (SessionId(guard.header.session), guard.header.tgid);
        if matches!(guard.act, act::MOUNT | act::UNMOUNT) {
            self.mounts_change(id, pid);
        }
        let process = self.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
        let refused = guard.state == state::REFUSED;
        let Attempted { name, severity, what } = attempted(guard.act, refused);
        let event = self
            .event(name, BootNanos(guard.header.at_ns), id)
            .process(&process)
            .alert(severity, what)
            .with("interlock.action", if refused { "deny" } else { "alert" })
            .with("guard.target", guard.target)
            .with("guard.detail", guard.detail)
            .with("file.name", text(&guard.name));
        self.publish(event);
    }

    /// Another process was reached into, or it was tried.
    fn on_inspect(&mut self, guard: &Guard) {
        let (id, pid) = (SessionId(guard.header.session), guard.header.tgid);
        let own = self.decider.sessions.session_of(guard.target) == Some(id);
        let subject = Subject::Inspect(Inspection { target: guard.target, own, how: InspectHow::Ptrace });
        let refused = guard.state == state::REFUSED;
        let pending = if refused { Pending::Refused { observed: false } } else { Pending::None };
        self.judge(id, pid, BootNanos(guard.header.at_ns), subject, pending);
    }

    /// A service outside of the tree is asked over its socket.
    pub fn on_delegate(&mut self, delegate: &Delegate) {
        let (id, pid) = (SessionId(delegate.header.session), delegate.header.tgid);
        let caller = HeldCaller::of(pid, &AnswerKey::of_service(id.0, delegate.name));
        let Some(pending) = self.pending(id, caller, delegate.state) else { return };
        let path = as_bound(pid, text(&delegate.path), delegate.name == 0);
        let Some(delegation) = recognition::asked_service(&self.policies.catalog, path) else {
            if matches!(pending, Pending::Caller(_)) {
                self.resume(id, caller); // only its name is like a service's
            }
            self.dismiss("delegate", DropReason::NoService);
            return;
        };
        if self.is_own_service(id, pid, &delegation.path) {
            if matches!(pending, Pending::Caller(_)) {
                self.resume(id, caller);
            }
            self.dismiss("delegate", DropReason::OwnService);
            return;
        }
        if delegate.state == state::COMMITTED {
            self.commit(id, pid, &format!("ask {} ({})", delegation.service, delegation.path));
        }
        let subject = Subject::Delegate(delegation);
        self.judge(id, pid, BootNanos(delegate.header.at_ns), subject, pending);
    }

    /// A file is written that somebody outside of the tree runs later.
    pub fn on_write(&mut self, write: &Write) {
        let (id, pid) = (SessionId(write.header.session), write.header.tgid);
        let caller = HeldCaller::of(pid, &AnswerKey::of_open(id.0, write.file));
        let Some(pending) = self.pending(id, caller, write.state) else { return };
        let (path, _) = self.called(pid, id, write.file.dev, &write.path);
        let home = self.decider.sessions.get(id).and_then(|session| session.home.as_deref());
        let Some(delegation) = recognition::written_file(&self.policies.catalog, path, home) else {
            if matches!(pending, Pending::Caller(_)) {
                self.resume(id, caller); // only its name is like one's
            }
            self.dismiss("write", DropReason::NoService);
            return;
        };
        if write.state == state::COMMITTED {
            self.commit(id, pid, &format!("write {}", delegation.path));
        }
        let subject = Subject::Delegate(delegation);
        self.judge(id, pid, BootNanos(write.header.at_ns), subject, pending);
    }

    /// A secret gets another name. The kernel follows it by its inode already.
    pub fn on_relink(&mut self, relink: &Relink) {
        let (id, at) = (SessionId(relink.header.session), BootNanos(relink.header.at_ns));
        let Some(secret) = self.relinked_secret(relink) else { return self.dismiss_secret("link", id) };
        let how = if relink.how == relink::LINK { LinkHow::Link } else { LinkHow::Rename };
        self.judge_fact(id, relink.header.tgid, at, Subject::Link(Renamed { secret, how }));
    }

    /// A socket whose data the flow hold would not see.
    pub fn on_socket(&mut self, socket: &Socket) {
        let id = SessionId(socket.header.session);
        let process = self.decider.sessions.actor(id, socket.header.tgid).cloned().unwrap_or_default();
        let (name, action) = match socket.outcome {
            outcome::REFUSED => ("socket-refused", "deny"),
            outcome::WOULD_REFUSE => ("would-refuse", "deny"),
            _ => ("socket-odd", "alert"),
        };
        let event = self
            .event(name, BootNanos(socket.header.at_ns), id)
            .process(&process)
            .alert(Severity::Medium, "a process of a session made a socket that no connection is held by")
            .with("interlock.action", action)
            .with("network.family", socket.family)
            .with("network.type", socket.kind)
            .with("network.iana_number", socket.protocol);
        // Go's servers try MPTCP first and go on with TCP (golang/go:src/net/mptcpsock_linux.go, on by default from 1.24):
        // nothing was kept from them, and nobody is called for it.
        let goes_on = socket.outcome == outcome::REFUSED && socket.protocol == MPTCP;
        self.publish(if goes_on { event.without_alert() } else { event });
    }
}

struct Attempted {
    name: &'static str,
    severity: Severity,
    what: &'static str,
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

/// The path that a service bound is used as it is; one that a caller gave (`given`) leads there through its links and
/// from its working directory.
fn as_bound(pid: u32, path: String, given: bool) -> String {
    if !given {
        return path;
    }
    let inside = match (path.strip_prefix('/'), procfs::working_directory(pid)) {
        (Some(_), _) | (None, None) => PathBuf::from(&path),
        (None, Some(directory)) => directory.join(&path),
    };
    // The caller's own links, and nothing that could keep the engine waiting. Fails open: what the kernel does not know by
    // heartbeat (the caller has just looked it up) counts by the path that was given.
    root::known_path(pid, &inside).map_or(path, |real| real.to_string_lossy().into_owned())
}
