//! Processes of sessions fork, execute and end.

use monitor_common::event::process::{Exec, Exit, Fork};

use crate::daemon::{
    apply::callers,
    context::Context,
    intake::{
        judge,
        lifecycle::{begin, end, unseen},
        services::listeners::{self, without_delegation},
        surveying,
    },
};
use interlock_core::{
    decide::Pending,
    facts::{BootNanos, Process, SessionId, Subject},
    recognition,
    sessions::{Registry, Session},
    strings::{strings, text},
};

pub fn on_fork(sessions: &mut Registry, fork: &Fork) {
    sessions.fork(
        SessionId(fork.header.session),
        fork.header.tgid,
        fork.child,
        BootNanos(fork.child_start_ns),
    );
}

pub fn on_exit(ctx: &mut Context, exit: &Exit) {
    end::process_ended(ctx, exit.header.tgid, BootNanos(exit.header.at_ns));
}

/// A process of a session runs a new program.
pub fn on_exec(ctx: &mut Context, exec: &Exec) {
    let (pid, session) = (exec.header.tgid, SessionId(exec.header.session));
    let process = Process {
        pid,
        parent: ctx.decider.sessions.process(pid).map_or(0, |known| known.parent),
        start: BootNanos(exec.start_ns),
        executable: text(&exec.filename),
        args: strings(&exec.args, exec.args_len).into(),
        args_unknown: exec.args_size > exec.args_len,
    };
    let parent = ctx.decider.sessions.process(process.parent);
    let starters = [parent, parent.and_then(|parent| ctx.decider.sessions.process(parent.parent))];
    let grounds = ctx.decider.sessions.get(session).map(Session::grounds).unwrap_or_default();
    let subjects = recognition::executed(&ctx.policies.catalog, &process, starters, grounds);
    let at = BootNanos(exec.header.at_ns);
    let (changed, left) = ctx.decider.execs.runs(&process);
    let pending = if changed { Pending::Changed } else { Pending::None };
    unseen::doubt_exec(ctx, session, &process, at);
    ctx.decider.sessions.add_process(session, process.clone());
    surveying::look_around(ctx, session, pid);
    callers::take_back(&mut ctx.kernel.maps, left);
    let own = subjects.len() > 1 && listeners::follows_own_server(ctx, session, &process);
    let subjects = if own { without_delegation(subjects) } else { subjects };
    for subject in subjects {
        let pending = if subject == Subject::Exec { pending } else { Pending::None };
        judge::judge(ctx, session, pid, at, subject, pending);
    }
    begin::part_daemon(ctx, session, &process);
}
