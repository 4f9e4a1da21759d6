//! Processes of sessions fork, execute and end; a program that a rule wants to know of waits before it is executed.

use monitor_common::{
    event::{
        process::{Exec, Execute, Exit, Fork},
        state,
    },
    policy::AnswerKey,
};

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
    decide::{Asked, Pending},
    facts::{BootNanos, Process, SessionId, Subject},
    holds::HeldCaller,
    recognition,
    sessions::{Registry, Session},
    strings::{strings, text},
};
use interlock_host::proc::pending::arguments;

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

/// A process is about to execute a program, and a rule wants to know.
pub fn on_execute(ctx: &mut Context, execute: &Execute) {
    let (id, pid) = (SessionId(execute.header.session), execute.header.tgid);
    let (at, program) = (BootNanos(execute.header.at_ns), text(&execute.filename));
    let key = AnswerKey::of_exec(id.0, execute.file, pid);
    match execute.state {
        state::COMMITTED => {
            ctx.decider.execs.committed(key, pid, &program);
            ctx.reporter.commit(id, pid, &format!("execute {program}"));
        }
        state::REFUSED | state::REFUSED_IO_URING => {
            let left = ctx.decider.execs.refused(pid, &program);
            callers::take_back(&mut ctx.kernel.maps, left);
        }
        _ => {}
    }
    let caller = HeldCaller::of(pid, &key);
    let Some(pending @ (Pending::Caller(_) | Pending::Refused { .. })) =
        judge::pending(&ctx.decider, &mut ctx.flows.turned_away, id, caller, execute.state)
    else {
        return; // what went on is judged when it has begun
    };
    // Fails open where they cannot be read: a rule about arguments sees the name alone, and judges what really runs once
    // it has begun.
    let found = (execute.state == state::ASKED).then(|| arguments(pid)).flatten();
    if execute.state == state::ASKED && ctx.decider.sessions.process(pid).is_some() {
        let (asked, left) = ctx.decider.execs.asked(key, pid, &program, found.as_ref(), at);
        callers::take_back(&mut ctx.kernel.maps, left);
        if asked == Asked::Answered {
            return callers::wake(&ctx.kernel.maps, &mut ctx.decider.sessions, id, caller);
        }
    }
    let before = ctx.decider.sessions.process(pid).cloned();
    if let Some(process) = ctx.decider.sessions.process_mut(pid) {
        // Rules speak about the program that is about to run.
        process.args_unknown = found.as_ref().is_none_or(|found| !found.whole);
        process.args = found.map_or_else(|| [program.clone()].into(), |found| found.args.into());
        process.executable = program;
    }
    judge::judge(ctx, id, pid, at, Subject::Exec, pending);
    if let (Some(process), Some(before)) = (ctx.decider.sessions.process_mut(pid), before) {
        *process = before;
    }
}
