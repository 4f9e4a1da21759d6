//! What a session may have done before it was watched.
//!
//! An agent is recognised when it executes, and some 100 µs later it has its label; where it is the first session after a rest, what
//! acts on labels is attached then, which takes a millisecond more, and longest where the last session's is still being
//! detached (up to 70 ms). The agent itself is trusted for that time: it loads its libraries. A program that it has started
//! by then may have read and sent anything, so the session counts as incomplete: its connections ask, and rules that want a touch find one.

use std::time::Duration;

use crate::daemon::{apply, context::Context};
use interlock_core::{
    catalog::{basename, secrets::Secrets},
    decide::Input,
    facts::{BootNanos, Process, SessionId},
    recognition,
    sessions::{Registry, Session},
};
use interlock_host::{clock::boot_now, proc::procfs};

/// What a program needs at least to start another one that reads something and ends: half of what bash and cat take together.
const AT_ONCE: Duration = Duration::from_millis(1);
/// What the scripts that start agents run at once, and what reads no file of a person's.
const HARMLESS: [&str; 20] = [
    "arch", "basename", "date", "dirname", "expr", "false", "getconf", "hostname", "id", "locale", "mktemp",
    "nproc", "readlink", "realpath", "sleep", "stty", "test", "true", "tty", "uname",
];

/// When an agent executed its program, and what it had been before.
#[derive(Clone, Copy, Debug)]
pub struct Executed {
    pub at: BootNanos,
    /// When it was first looked at.
    pub looked: BootNanos,
    /// [`procfs::reaped`] of it then.
    pub reaped: u64,
}

/// From here on nothing of the session goes unseen.
pub fn is_watched(sessions: &mut Registry, id: SessionId) {
    if let Some(session) = sessions.get_mut(id) {
        session.watched = boot_now();
    }
}

/// A process of the session has executed a program; `at` is when.
pub fn doubt_exec(ctx: &mut Context, id: SessionId, process: &Process, at: BootNanos) {
    let unseen = ctx.decider.sessions.get(id).is_some_and(|session| at < session.watched);
    if unseen && process.pid != id.root() {
        doubt(ctx, id, process);
    }
}

/// A process of a session that has just begun was there before its label. One that runs its creator's program still is
/// part of that program.
pub fn doubt_descendant(ctx: &mut Context, id: SessionId, process: &Process) {
    let is_a_copy = ctx.decider.sessions.process(id.root()).is_some_and(|root| is_copy_of(root, process));
    if !is_a_copy {
        doubt(ctx, id, process);
    }
}

/// Something that the root has started was over before the root had its label, and nobody can tell what it was. What the
/// process had started before it became the agent (a launcher that executes it at last) looks the same, so what was over
/// when it was first looked at is left out where that was soon enough, and this is asked only where there was time for it.
pub fn doubt_the_ended(ctx: &mut Context, id: SessionId, executed: Executed) {
    if ctx.decider.sessions.get(id).is_none_or(|session| session.watched.since(executed.at) < AT_ONCE) {
        return;
    }
    let before = if executed.looked.since(executed.at) < AT_ONCE { executed.reaped } else { 0 };
    let root = ctx.decider.sessions.process(id.root()).cloned();
    if let Some(root) = root.filter(|root| procfs::reaped(root.pid) > before) {
        let why = "what it had started was over before it was watched";
        apply::step(ctx, Input::Doubted { session: id, process: Box::new(root), why });
    }
}

fn doubt(ctx: &mut Context, id: SessionId, process: &Process) {
    if !matters(process, &ctx.policies.catalog.secrets) {
        return;
    }
    let grounds = ctx.decider.sessions.get(id).map(Session::grounds).unwrap_or_default();
    // What an agent launches of its own is itself.
    let own = recognition::own_program(&ctx.policies.catalog, &process.executable, &process.args, grounds);
    if own.is_none() {
        let why = "it started a program before it was watched";
        apply::step(ctx, Input::Doubted { session: id, process: Box::new(process.clone()), why });
    }
}

/// Whether what a process ran unwatched may have been a read, or a request.
fn matters(process: &Process, secrets: &Secrets) -> bool {
    let is_harmless = HARMLESS.contains(&basename(&process.executable));
    !(is_harmless && secrets.is_systems_place(&process.executable))
}

/// Whether the process still runs what `root` forked it with: its program and its arguments, or those that the root has
/// overwritten its own with since.
fn is_copy_of(root: &Process, process: &Process) -> bool {
    let now = procfs::read(root.pid).map(|running| running.process);
    let same = |other: &Process| other.executable == process.executable && other.args == process.args;
    // The root is known by the path that it was executed by; the same program may have another name in `/proc`.
    now.is_some_and(|now| same(&now) || (now.executable == process.executable && root.args == process.args))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };

    use super::*;
    use interlock_core::catalog::Catalog;

    #[test]
    fn what_starts_agents_is_told_from_what_may_read() {
        let catalog = Catalog::builtin().unwrap();
        let process = |executable: &str| Process { executable: executable.into(), ..Process::default() };
        for harmless in ["/usr/bin/dirname", "/bin/uname", "/nix/store/a-coreutils-9.5/bin/tty"] {
            assert!(!matters(&process(harmless), &catalog.secrets), "{harmless}");
        }
        for reader in ["/usr/bin/cat", "/usr/bin/curl", "/home/ann/bin/dirname", "dirname", ""] {
            assert!(matters(&process(reader), &catalog.secrets), "{reader}");
        }
    }

    #[test]
    fn a_subshell_is_its_shell_and_another_script_of_the_same_shell_is_not() {
        for (script, is_copy) in
            [("( echo ready; read line; : ); :", true), ("sh -c 'echo ready; read line'; :", false)]
        {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut started = shell.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(started.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let of = |pid| procfs::read(pid).map(|running| running.process);
            let child = procfs::parents().into_iter().find(|(_, parent)| *parent == started.id());
            let both = of(started.id()).zip(child.and_then(|(child, _)| of(child)));
            let compared = both.map(|(root, child)| is_copy_of(&root, &child));
            drop(started.stdin.take());
            started.wait().unwrap();
            assert_eq!(compared, Some(is_copy), "{script}");
        }
    }
}
