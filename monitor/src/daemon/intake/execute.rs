//! Programs that wait before they are executed, because a rule wants to know.

use monitor_common::{
    event::{guard::Execute, state},
    policy::AnswerKey,
};

use crate::daemon::{apply::callers, context::Context, intake::judge};
use interlock_core::{
    decide::{Asked, Pending},
    facts::{BootNanos, SessionId, Subject},
    holds::HeldCaller,
    strings::text,
};
use interlock_host::proc::pending::arguments;

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
