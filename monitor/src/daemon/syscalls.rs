//! Syscalls that are held: the caller is stopped before the act; an answer in the kernel's table and SIGCONT let it ask
//! again, and go on or fail.

use std::time::Duration;

use monitor_common::{
    event::{guard::Execute, state},
    policy::{Answer, AnswerKey, VERDICT_ALLOW, VERDICT_DENY},
};
use rustix::process::Signal;

use super::engine::Engine;
use interlock_core::{
    decide::{Asked, Pending},
    facts::{BootNanos, SessionId, Subject},
    holds::HeldCaller,
    record::{Entry, Kind, Who},
    strings::text,
};
use interlock_host::{clock::boot_now, enforcement::signal::Member, proc::pending::arguments};

/// Denials whose caller has not come back yet.
const TURNED_AWAY_MAX: usize = 4096;
/// How long an answer waits for the caller to run again.
const ANSWER_STANDS: Duration = Duration::from_secs(30);

impl Engine {
    pub fn resume(&mut self, session: SessionId, caller: HeldCaller) {
        self.answer_caller(session, caller, VERDICT_ALLOW);
    }

    pub fn deny_caller(&mut self, session: SessionId, caller: HeldCaller) {
        if self.turned_away.len() >= TURNED_AWAY_MAX {
            self.turned_away.clear(); // a denial is told twice then
        }
        self.turned_away.insert((session, caller));
        self.answer_caller(session, caller, VERDICT_DENY);
    }

    fn answer_caller(&mut self, session: SessionId, caller: HeldCaller, verdict: u32) {
        let key = caller.key(session.0);
        // Several processes may wait for the same file: each use that is not yet taken still counts. An exec is one
        // process's, which has one at a time.
        let now = boot_now();
        let stands = |answer: &Answer| answer.verdict == verdict && answer.until_ns > now.0;
        let shared = (!caller.is_exec()).then(|| self.maps.standing_answer(key)).flatten();
        let standing = shared.filter(stands);
        let uses = standing.map_or(0, |answer| answer.uses).saturating_add(1);
        let answer = Answer { until_ns: now.plus(ANSWER_STANDS).0, uses, verdict, reserved: 0 };
        if let Err(error) = self.maps.answer(key, answer) {
            // Fails closed: without an answer the caller asks again, and stops again.
            tracing::error!(pid = caller.pid, %error, "the answer cannot be written; the caller stays stopped");
            return;
        }
        if verdict == VERDICT_ALLOW && caller.is_exec() {
            self.decider.execs.let_through(key, caller.pid, boot_now());
        }
        self.wake(session, caller);
    }

    fn wake(&mut self, session: SessionId, caller: HeldCaller) {
        if let Some(frozen) = self.decider.sessions.get_mut(session).filter(|session| session.is_frozen()) {
            frozen.stands_no_more(caller.pid);
            return; // it runs when the session is thawed, and finds its answer, or asks anew
        }
        let member = Member::open(&self.maps, caller.pid, session.0);
        let continued = member.and_then(|member| member.map_or(Ok(()), |member| member.send(Signal::CONT)));
        if let Err(error) = continued {
            tracing::warn!(pid = caller.pid, %error, "the held process cannot be continued");
        }
    }

    /// What waits for the decision about a caller whose record has this state; `None` where everything about it was told
    /// when it was decided.
    pub(super) fn pending(&mut self, session: SessionId, caller: HeldCaller, state: u32) -> Option<Pending> {
        match state {
            state::ASKED => (!self.decider.waits(&caller)).then_some(Pending::Caller(caller)),
            state::REFUSED if self.was_told(session, caller) => None,
            state::REFUSED | state::REFUSED_IO_URING => Some(Pending::Refused { observed: false }),
            _ => Some(Pending::None),
        }
    }

    /// Whether the kernel's refusal is the end of a denial that was told when it was decided. Whoever tries again while the
    /// answer stands is refused without being asked about, and that is news.
    pub fn was_told(&mut self, session: SessionId, caller: HeldCaller) -> bool {
        self.turned_away.remove(&(session, caller))
    }

    /// The kernel saw what had been allowed happen.
    pub fn commit(&mut self, session: SessionId, pid: u32, what: &str) {
        let detail = [("pid", pid.into()), ("object", what.into())];
        self.keep(Entry::noted(Kind::Commit, Who::Kernel, session, detail));
    }

    /// A process is about to execute a program, and a rule wants to know.
    pub fn on_execute(&mut self, execute: &Execute) {
        let (id, pid) = (SessionId(execute.header.session), execute.header.tgid);
        let (at, program) = (BootNanos(execute.header.at_ns), text(&execute.filename));
        let key = AnswerKey::of_exec(id.0, execute.file, pid);
        match execute.state {
            state::COMMITTED => {
                self.decider.execs.committed(key, pid, &program);
                self.commit(id, pid, &format!("execute {program}"));
            }
            state::REFUSED | state::REFUSED_IO_URING => {
                let left = self.decider.execs.refused(pid, &program);
                self.take_back(left);
            }
            _ => {}
        }
        let caller = HeldCaller::of(pid, &key);
        let Some(pending @ (Pending::Caller(_) | Pending::Refused { .. })) =
            self.pending(id, caller, execute.state)
        else {
            return; // what went on is judged when it has begun
        };
        // Fails open where they cannot be read: a rule about arguments sees the name alone, and judges what really runs once
        // it has begun.
        let found = (execute.state == state::ASKED).then(|| arguments(pid)).flatten();
        if execute.state == state::ASKED && self.decider.sessions.process(pid).is_some() {
            let (asked, left) = self.decider.execs.asked(key, pid, &program, found.as_ref(), at);
            self.take_back(left);
            if asked == Asked::Answered {
                return self.wake(id, caller);
            }
        }
        let before = self.decider.sessions.process(pid).cloned();
        if let Some(process) = self.decider.sessions.process_mut(pid) {
            // Rules speak about the program that is about to run.
            process.args_unknown = found.as_ref().is_none_or(|found| !found.whole);
            process.args = found.map_or_else(|| [program.clone()].into(), |found| found.args.into());
            process.executable = program;
        }
        self.judge(id, pid, at, Subject::Exec, pending);
        if let (Some(process), Some(before)) = (self.decider.sessions.process_mut(pid), before) {
            *process = before;
        }
    }

    /// Answers about an exec that came to nothing: with other arguments it would be another.
    pub fn take_back(&mut self, answers: Vec<AnswerKey>) {
        answers.into_iter().for_each(|key| self.maps.withdraw(key));
    }
}
