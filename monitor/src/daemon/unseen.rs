//! What a session may have done before it was watched.
//!
//! An agent is recognised when it executes, and some 100 µs later it has its label; where it is the first session after a rest, what
//! acts on labels is attached then, which takes a millisecond more, and longest where the last session's is still being
//! detached (up to 150 ms). The agent itself is trusted for that time: it loads its libraries. A program that it has started
//! by then may have read and sent anything, so the session counts as incomplete: its connections ask, and rules that want a touch find one.

use std::{path::Path, time::Duration};

use monitor_common::label::GATED;

use super::engine::Engine;
use crate::{
    catalog::basename,
    clock::boot_now,
    facts::{BootNanos, Process, SessionId},
    recognition,
    sessions::{Session, procfs},
};

/// What a program needs at least to start another one that reads something and ends: half of what bash and cat take together.
const AT_ONCE: Duration = Duration::from_millis(1);

/// What the scripts that start agents run at once, and what reads no file of a person's.
const HARMLESS: [&str; 20] = [
    "arch", "basename", "date", "dirname", "expr", "false", "getconf", "hostname", "id", "locale", "mktemp",
    "nproc", "readlink", "realpath", "sleep", "stty", "test", "true", "tty", "uname",
];
/// Where nobody but root puts programs.
const SYSTEM: [&str; 4] = ["/bin", "/usr/bin", "/usr/sbin", "/sbin"];

/// Whether what a process ran unwatched may have been a read, or a request.
fn matters(process: &Process) -> bool {
    let parent = Path::new(&process.executable).parent().unwrap_or(Path::new(""));
    let is_system = SYSTEM.iter().any(|directory| parent == Path::new(directory));
    !(is_system && HARMLESS.contains(&basename(&process.executable)))
}

impl Engine {
    /// From here on nothing of the session goes unseen.
    pub fn is_watched(&mut self, id: SessionId) {
        if let Some(session) = self.registry.get_mut(id) {
            session.watched = boot_now();
        }
    }

    /// A process of the session has executed a program; `at` is when.
    pub fn doubt_exec(&mut self, id: SessionId, process: &Process, at: BootNanos) {
        let unseen = self.registry.get(id).is_some_and(|session| at < session.watched);
        if unseen && process.pid != id.root() {
            self.doubt(id, process);
        }
    }

    /// A process of a session that has just begun was there before its label. One that runs its creator's program still is
    /// part of that program.
    pub fn doubt_descendant(&mut self, id: SessionId, process: &Process) {
        let root = self.registry.process(id.root()).map(|root| root.executable.clone());
        let resolved = |path: &str| std::fs::canonicalize(path).ok();
        let is_a_copy = root.is_some_and(|root| {
            root == process.executable
                || resolved(&root).is_some_and(|root| Some(root) == resolved(&process.executable))
        });
        if !is_a_copy {
            self.doubt(id, process);
        }
    }

    /// Something that the root has started was over before the root had its label, and nobody can tell what it was. What the
    /// process had started before it became the agent (an entry point that executes it at last) looks the same, so this is
    /// asked only where there was time for it.
    pub fn doubt_the_ended(&mut self, id: SessionId, executed: BootNanos) {
        if self.registry.get(id).is_none_or(|session| session.watched.since(executed) < AT_ONCE) {
            return;
        }
        let root = self.registry.process(id.root()).cloned();
        if let Some(root) = root.filter(|root| procfs::has_reaped(root.pid)) {
            self.mark_incomplete(id, &root, "what it had started was over before it was watched");
        }
    }

    fn doubt(&mut self, id: SessionId, process: &Process) {
        if !matters(process) {
            return;
        }
        let grounds = self.registry.get(id).map(Session::grounds).unwrap_or_default();
        // What an agent launches of its own is itself.
        let own = recognition::own_program(&self.know.catalog, &process.executable, &process.args, grounds);
        if own.is_none() {
            self.mark_incomplete(id, process, "it started a program before it was watched");
        }
    }

    fn mark_incomplete(&mut self, id: SessionId, process: &Process, why: &str) {
        let Some(session) = self.registry.get_mut(id).filter(|session| !session.incomplete) else { return };
        (session.incomplete, session.gated) = (true, true);
        if let Err(error) = self.uplink.set_flags(id, GATED, true) {
            tracing::error!(session = %id, %error, "what it did before it was watched is unknown, and its connections may not ask");
        }
        let event = self
            .event("session-incomplete", boot_now(), id)
            .process(process)
            .with("session.incomplete", true)
            .with("message", why);
        self.publish(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_agents_is_told_from_what_may_read() {
        let process = |executable: &str| Process { executable: executable.into(), ..Process::default() };
        for harmless in ["/usr/bin/dirname", "/bin/uname"] {
            assert!(!matters(&process(harmless)), "{harmless}");
        }
        for reader in ["/usr/bin/cat", "/usr/bin/curl", "/home/ann/bin/dirname", "dirname", ""] {
            assert!(matters(&process(reader)), "{reader}");
        }
    }
}
