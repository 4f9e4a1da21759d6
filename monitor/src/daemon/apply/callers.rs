//! Answers to stopped callers: an answer in the kernel's table and SIGCONT let a system call be tried again, and go on or fail.

use std::time::Duration;

use monitor_common::policy::{Answer, AnswerKey, VERDICT_ALLOW, VERDICT_DENY};
use rustix::process::Signal;

use crate::daemon::context::flows::turned_away::TurnedAway;
use interlock_core::{decide::Decider, facts::SessionId, holds::HeldCaller, sessions::Registry};
use interlock_host::{clock::boot_now, enforcement::signal::Member, probes::Maps};

/// How long an answer waits for the caller to run again.
const ANSWER_STANDS: Duration = Duration::from_secs(30);

pub fn resume(maps: &mut Maps, decider: &mut Decider, session: SessionId, caller: HeldCaller) {
    answer_caller(maps, decider, session, caller, VERDICT_ALLOW);
}

pub fn deny(
    maps: &mut Maps,
    decider: &mut Decider,
    turned_away: &mut TurnedAway,
    session: SessionId,
    caller: HeldCaller,
) {
    turned_away.note(session, caller);
    answer_caller(maps, decider, session, caller, VERDICT_DENY);
}

fn answer_caller(
    maps: &mut Maps,
    decider: &mut Decider,
    session: SessionId,
    caller: HeldCaller,
    verdict: u32,
) {
    let key = caller.key(session.0);
    // Several processes may wait for the same file: each use that is not yet taken still counts. An exec is one
    // process's, which has one at a time.
    let now = boot_now();
    let stands = |answer: &Answer| answer.verdict == verdict && answer.until_ns > now.0;
    let shared = (!caller.is_exec()).then(|| maps.standing_answer(key)).flatten();
    let standing = shared.filter(stands);
    let uses = standing.map_or(0, |answer| answer.uses).saturating_add(1);
    let answer = Answer { until_ns: now.plus(ANSWER_STANDS).0, uses, verdict, reserved: 0 };
    if let Err(error) = maps.answer(key, answer) {
        // Fails closed: without an answer the caller asks again, and stops again.
        tracing::error!(pid = caller.pid, %error, "the answer cannot be written; the caller stays stopped");
        return;
    }
    if verdict == VERDICT_ALLOW && caller.is_exec() {
        decider.execs.let_through(key, caller.pid, boot_now());
    }
    wake(maps, &mut decider.sessions, session, caller);
}

pub fn wake(maps: &Maps, sessions: &mut Registry, session: SessionId, caller: HeldCaller) {
    // Who is answered before the freeze is carried out runs first, or it would count as standing by itself.
    if let Some(frozen) = sessions.get_mut(session).filter(|session| session.is_stopped()) {
        frozen.stands_no_more(caller.pid);
        return; // it runs when the session is thawed, and finds its answer, or asks anew
    }
    let member = Member::open(maps, caller.pid, session.0);
    let continued = member.and_then(|member| member.map_or(Ok(()), |member| member.send(Signal::CONT)));
    if let Err(error) = continued {
        tracing::warn!(pid = caller.pid, %error, "the held process cannot be continued");
    }
}

/// Answers about an exec that came to nothing: with other arguments it would be another.
pub fn take_back(maps: &mut Maps, answers: Vec<AnswerKey>) {
    answers.into_iter().for_each(|key| maps.withdraw(key));
}
