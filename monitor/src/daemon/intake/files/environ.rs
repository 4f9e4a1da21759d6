//! Environments and memories of processes that are opened through `/proc`.

use std::path::Path;

use monitor_common::event::file::{ProcOpen, proc_file};

use crate::daemon::{
    context::{Context, reporter::dismissed::DropReason},
    intake::judge,
};
use interlock_core::{
    facts::{BootNanos, EnvironAccess, EnvironHow, SessionId, Subject},
    recognition::{self, environment},
    sessions::Registry,
    strings::text,
};
use interlock_host::proc::procfs;

pub fn on_proc_open(ctx: &mut Context, open: &ProcOpen) {
    let Some(access) = opened_proc(open) else {
        return ctx.reporter.dismiss("environ", DropReason::Unreadable);
    };
    let opener = ctx.decider.sessions.actor(SessionId(open.header.session), open.header.tgid);
    if access.how == EnvironHow::Open && opener.is_some_and(environment::lists_processes) {
        ctx.reporter.dismiss("environ", DropReason::ListsProcesses);
        return;
    }
    let id = SessionId(open.header.session);
    if access.how == EnvironHow::Memory
        && is_own_memory(&ctx.decider.sessions, id, open.header.tgid, access.target)
    {
        ctx.reporter.dismiss("environ", DropReason::OwnMemory);
        return;
    }
    judge::judge_fact(ctx, id, open.header.tgid, BootNanos(open.header.at_ns), Subject::Environ(access));
}

/// Whether a process's memory is the opener's own: its own, or that of a program of the workspace that it has started.
/// Any other program may hold what its owner's tool has read: `gdb --args gh api user`.
fn is_own_memory(sessions: &Registry, id: SessionId, opener: u32, target: u32) -> bool {
    if opener == target {
        return true;
    }
    let workspace = sessions.get(id).and_then(|session| session.workspace.as_deref());
    let Some((workspace, debugged)) = workspace.zip(sessions.actor(id, target)) else {
        return false;
    };
    let program = procfs::executable(target).unwrap_or_else(|| debugged.executable.clone());
    !recognition::is_outside(Some(workspace), Path::new(&program))
        && sessions.ancestors(id, debugged).iter().any(|ancestor| ancestor.pid == opener)
}

/// Whose environment or memory was opened; `None` where the names make no sense.
fn opened_proc(open: &ProcOpen) -> Option<EnvironAccess> {
    let [parent, task, process] = open.names.map(|name| text(&name));
    // `PID/environ`, or `PID/task/TID/environ`.
    let target: u32 = if task == "task" { process.parse().ok()? } else { parent.parse().ok()? };
    let how = if open.file == proc_file::MEM { EnvironHow::Memory } else { EnvironHow::Open };
    Some(EnvironAccess { target, own: target == open.header.tgid, how })
}
