//! What the kernel programs reported of the acts, and what that proves.

use monitor_common::{
    event::{network::outcome, state},
    policy::AnswerKey,
};
use rustix::io::Errno;

use super::{
    act::Answer,
    finding::{Finding, SESSION},
};
use crate::probes::decode::Record;

/// Kinds of records, as far as the proof tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Fork,
    Exec,
    Exit,
    Open,
    Miss,
    Environ,
    Execute,
    /// One of `monitor_common::event::tamper::act`.
    Tamper(u32),
    Delegate,
    Relink,
    Connect,
    Ask,
    Dns,
    Socket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passed,
    Refused,
    /// The process of this number is stopped; the key is what an answer needs.
    Held {
        pid: u32,
        key: AnswerKey,
    },
}

/// One record of the proof's own session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub mark: Mark,
    pub fate: Fate,
    /// Socket cookie, where the record is about a connection.
    pub cookie: u64,
}

impl Trace {
    /// `None` where the record is about another session, or tells nothing.
    pub fn of(record: &Record<'_>) -> Option<Self> {
        if record.header().session != SESSION.0 {
            return None;
        }
        let pid = record.header().tgid;
        let trace = |mark, fate| Some(Self { mark, fate, cookie: 0 });
        match record {
            Record::Fork(_) => trace(Mark::Fork, Fate::Passed),
            Record::Exec(_) => trace(Mark::Exec, Fate::Passed),
            Record::Exit(_) => trace(Mark::Exit, Fate::Passed),
            Record::Open(open) => {
                trace(Mark::Open, fate(open.state, pid, AnswerKey::of_open(SESSION.0, open.file)))
            }
            Record::Probe(_) => trace(Mark::Miss, Fate::Passed),
            Record::ProcOpen(_) => trace(Mark::Environ, Fate::Passed),
            Record::Execute(execute) => {
                let key = AnswerKey::of_exec(SESSION.0, execute.file, pid);
                trace(Mark::Execute, fate(execute.state, pid, key))
            }
            // Never held, so it has no key of its own.
            Record::Tamper(tamper) => {
                trace(Mark::Tamper(tamper.act), fate(tamper.state, pid, AnswerKey::of_service(SESSION.0, 0)))
            }
            Record::Delegate(delegate) => {
                let key = AnswerKey::of_service(SESSION.0, delegate.name);
                trace(Mark::Delegate, fate(delegate.state, pid, key))
            }
            Record::Relink(_) => trace(Mark::Relink, Fate::Passed),
            Record::Connect(connect) => {
                let fate = match connect.outcome {
                    outcome::ASKED => {
                        let key = AnswerKey::of_connect(SESSION.0, connect.address, connect.port);
                        Fate::Held { pid, key }
                    }
                    other => decided(other),
                };
                Some(Self { mark: Mark::Connect, fate, cookie: connect.cookie })
            }
            Record::FlowAsk(ask) => Some(Self { mark: Mark::Ask, fate: Fate::Passed, cookie: ask.cookie }),
            Record::Dns(dns) => Some(Self { mark: Mark::Dns, fate: Fate::Passed, cookie: dns.cookie }),
            Record::Socket(socket) => trace(Mark::Socket, decided(socket.outcome)),
            // A child of the proof's writes no file that others run.
            Record::Candidate(_)
            | Record::FlowClosed(_)
            | Record::Greeting(_)
            | Record::Write(_)
            | Record::Meeting(_) => None,
        }
    }
}

fn fate(state: u32, pid: u32, key: AnswerKey) -> Fate {
    match state {
        state::REFUSED | state::REFUSED_IO_URING => Fate::Refused,
        state::ASKED => Fate::Held { pid, key },
        _ => Fate::Passed,
    }
}

fn decided(outcome: u32) -> Fate {
    if matches!(outcome, outcome::REFUSED | outcome::TURNED_AWAY) { Fate::Refused } else { Fate::Passed }
}

/// What a case must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A record.
    Seen(Mark),
    /// A refusal with this error number, and the record of it.
    Refused(Mark, Errno),
    /// The caller stopped before the act; answered with no, a refusal as above.
    Held(Mark),
    /// The caller stopped, without a record, as its session is frozen.
    Frozen,
}

/// All that was noticed of one act.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// `None`: the act had no end in time.
    pub answer: Option<Answer>,
    pub traces: Vec<Trace>,
    /// The caller was seen stopped, and the act had not happened.
    pub stopped: bool,
}

/// What a kernel answers that has not what the act needs.
const ABSENT: [Errno; 4] = [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::NOPROTOOPT, Errno::NOSYS];

/// Judges one act. Whatever is not clearly shown is not proven.
pub fn judge(expect: Expect, observed: &Observed) -> Finding {
    let Some(answer) = &observed.answer else { return Finding::not_proven("the act has no end") };
    if let Answer::Unable(reason) = answer {
        return Finding::NotTried(reason.clone());
    }
    match expect {
        Expect::Seen(mark) => seen(mark, observed, answer),
        Expect::Refused(mark, error) => refused(mark, error, observed, answer),
        Expect::Held(mark) => {
            let held = |trace: &Trace| trace.mark == mark && matches!(trace.fate, Fate::Held { .. });
            if observed.traces.iter().any(held) && !observed.stopped {
                return Finding::not_proven("the caller was not stopped");
            }
            refused(mark, Errno::PERM, observed, answer)
        }
        Expect::Frozen if observed.stopped && *answer == Answer::Done => Finding::Proven,
        Expect::Frozen if observed.stopped => Finding::not_proven("what was continued did not go on"),
        Expect::Frozen => Finding::not_proven("a frozen caller went on"),
    }
}

fn seen(mark: Mark, observed: &Observed, answer: &Answer) -> Finding {
    match answer {
        _ if observed.traces.iter().any(|trace| trace.mark == mark) => Finding::Proven,
        Answer::Failed(error) if is_absent(*error) => Finding::NotTried(word(*error)),
        _ => Finding::not_proven("nothing was reported"),
    }
}

fn refused(mark: Mark, error: Errno, observed: &Observed, answer: &Answer) -> Finding {
    let recorded = observed.traces.iter().any(|trace| trace.mark == mark && trace.fate == Fate::Refused);
    match answer {
        Answer::Failed(found) if *found == error.raw_os_error() && recorded => Finding::Proven,
        Answer::Failed(found) if is_absent(*found) && !recorded => Finding::NotTried(word(*found)),
        Answer::Failed(found) if *found == error.raw_os_error() => {
            Finding::not_proven("refused, and no record says by whom")
        }
        Answer::Failed(found) => Finding::NotProven(format!("not refused, it failed: {}", word(*found))),
        _ => Finding::not_proven("it went through"),
    }
}

fn is_absent(error: i32) -> bool {
    ABSENT.iter().any(|absent| absent.raw_os_error() == error)
}

fn word(error: i32) -> String {
    std::io::Error::from_raw_os_error(error).to_string()
}

#[cfg(test)]
mod tests;
