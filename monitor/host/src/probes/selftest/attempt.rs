//! Trying: an act is asked for, what holds it is answered, and everything that is noticed meanwhile is noted.

use std::time::{Duration, Instant};

use monitor_common::{
    label::{FROZEN, GATED},
    policy::{Answer as Decision, AnswerKey, VERDICT_ALLOW, VERDICT_DENY},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    act::Act,
    case::Case,
    child::{Child, wake},
    evidence::{Expect, Fate, Observed, Trace, judge},
    finding::{Finding, SESSION},
    fixture::Fixture,
};
use crate::{
    clock::boot_now,
    probes::{decode::Record, loader::Probes, maps::Maps},
    proc::procfs,
};

/// Between two looks at a process.
const GLANCE: Duration = Duration::from_micros(100);
/// For how long an answer to a held act stands.
const STANDS: Duration = Duration::from_secs(20);

/// The proof under way.
pub struct Attempt<'a> {
    pub fixture: &'a Fixture,
    pub maps: &'a mut Maps,
    /// How long something may take that is as good as done.
    pub timeout: Duration,
    probes: &'a mut Probes,
    child: Child,
    deadline: Instant,
    /// Answers that were given, to be taken back.
    answered: Vec<AnswerKey>,
}

impl<'a> Attempt<'a> {
    /// An attempt on a fixture that is armed for the child.
    pub fn new(fixture: &'a Fixture, maps: &'a mut Maps, probes: &'a mut Probes, child: Child) -> Self {
        let (timeout, deadline) = (child.timeout(), Instant::now() + child.limit());
        Self { fixture, maps, timeout, probes, child, deadline, answered: Vec::new() }
    }

    /// Whether a program is attached, so that it can be tried.
    pub fn is_attached(&self, program: &str) -> bool {
        self.probes.is_attached(program)
    }

    /// Has the act of a case done, and judges what came of it.
    pub fn make(&mut self, case: &Case) -> Finding {
        let ready =
            self.maps.set_flags(SESSION, GATED, true).and_then(|()| self.fixture.set_for(self.maps, case));
        let finding = match ready {
            Err(error) => Finding::NotTried(format!("it cannot be forbidden: {error}")),
            Ok(()) if Instant::now() > self.deadline => Finding::not_proven("there was no time left"),
            Ok(()) => judge(case.expect, &self.observe(case)),
        };
        self.answered.drain(..).for_each(|key| self.maps.withdraw(key));
        finding
    }

    fn observe(&mut self, case: &Case) -> Observed {
        let has = |traces: &[Trace], mark, refused: bool| {
            traces.iter().any(|trace| trace.mark == mark && (!refused || trace.fate == Fate::Refused))
        };
        match case.expect {
            Expect::Frozen => self.perform_frozen(case.act),
            Expect::Seen(mark) => self.perform(case.act, VERDICT_ALLOW, |traces| has(traces, mark, false)),
            // What is asked about before is let through: the program itself must refuse.
            Expect::Refused(mark, _) => {
                self.perform(case.act, VERDICT_ALLOW, |traces| has(traces, mark, true))
            }
            Expect::Held(mark) => self.perform(case.act, VERDICT_DENY, |traces| has(traces, mark, true)),
        }
    }

    /// Has an act done. Whatever is held is answered with `verdict`; after the act's end records are waited for until
    /// there are `enough`.
    pub fn perform(&mut self, act: Act, verdict: u32, enough: impl Fn(&[Trace]) -> bool) -> Observed {
        let mut observed = Observed::default();
        if self.child.ask(act).is_err() {
            return observed;
        }
        let (mut looked_at, mut ended) = (0, None);
        loop {
            self.sift(&mut observed.traces);
            for trace in observed.traces.get(looked_at..).unwrap_or_default() {
                if let Fate::Held { pid, key } = trace.fate {
                    observed.stopped = self.decide(pid, key, verdict);
                }
            }
            looked_at = observed.traces.len();
            let now = Instant::now();
            match ended {
                Some(_) if enough(&observed.traces) => return observed,
                Some(ended) if now > ended + self.timeout => return observed,
                _ if now > self.deadline => return observed,
                Some(_) => {}
                None => match self.child.answer(now) {
                    Err(_) => return observed,
                    Ok(None) => {}
                    Ok(answer) => {
                        (observed.answer, ended) = (answer, Some(now));
                        continue; // its records are there by now
                    }
                },
            }
            self.wait();
        }
    }

    /// Waits for a record of which `wanted` is true.
    pub fn wait_for(&mut self, wanted: impl Fn(&Trace) -> bool) -> bool {
        let until = Instant::now() + self.timeout;
        let mut traces = Vec::new();
        loop {
            self.sift(&mut traces);
            if traces.iter().any(&wanted) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            self.wait();
        }
    }

    /// Has an act done while the session is frozen, and thaws it.
    fn perform_frozen(&mut self, act: Act) -> Observed {
        let mut observed = Observed::default();
        if self.maps.set_flags(SESSION, FROZEN, true).is_err() || self.child.ask(act).is_err() {
            return observed;
        }
        let pid = self.child.pid();
        let stops = self.is_stopped(pid);
        let early = self.child.answer(Instant::now());
        observed.stopped = stops && matches!(early, Ok(None));
        if self.maps.set_flags(SESSION, FROZEN, false).is_err() || wake(pid).is_err() {
            return observed;
        }
        observed.answer = match early {
            Ok(None) => self.child.answer(self.deadline).ok().flatten(),
            early => early.ok().flatten(),
        };
        self.sift(&mut observed.traces);
        observed
    }

    /// Answers a held act and lets its caller go on; returns whether the caller was really stopped.
    fn decide(&mut self, pid: u32, key: AnswerKey, verdict: u32) -> bool {
        let stopped = self.is_stopped(pid);
        let until_ns = boot_now().plus(STANDS).0;
        let decision = Decision { until_ns, uses: 1, verdict, reserved: 0 };
        self.answered.push(key);
        // Without an answer it is held again, and not proven.
        let answered = self.maps.answer(key, decision).is_ok() && wake(pid).is_ok();
        stopped && answered
    }

    fn is_stopped(&self, pid: u32) -> bool {
        let until = Instant::now() + self.timeout;
        loop {
            if procfs::is_stopped(pid) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            pause(GLANCE);
        }
    }

    /// Takes the proof's own records out of the rings; all others stay for the daemon.
    fn sift(&mut self, traces: &mut Vec<Trace>) {
        let mut take = |bytes: &[u8]| match Record::decode(bytes) {
            Ok(record) if record.header().session == SESSION.0 => {
                traces.extend(Trace::of(&record));
                true
            }
            _ => false,
        };
        self.probes.access.sift(&mut take);
        self.probes.lifecycle.sift(&mut take);
    }

    /// Until the child says something, or a record comes.
    fn wait(&self) {
        let fds = [self.child.output(), self.probes.access.fd(), self.probes.lifecycle.fd()];
        let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        let a_while = Timespec::try_from(self.timeout).ok();
        let _ = poll(&mut fds, a_while.as_ref()); // interrupted: looked at again
    }
}

fn pause(span: Duration) {
    let _ = poll(&mut [], Timespec::try_from(span).ok().as_ref());
}
