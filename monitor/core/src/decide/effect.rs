//! What follows from a decision. Each is carried out in the order in which it was put down.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    decision::Decision,
    input::{Release, Waiting},
};
use crate::{
    facts::{Action, BootNanos, Kind, Process, SessionId, Subject},
    holds::{FlowKey, HeldFlow, Hold, let_go::LetGo},
    record::{Entry, Who},
    sessions::Suspension,
};

/// One thing to be done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// An act was judged: the effects after this one, up to the end of the step, follow from it.
    Judged(Arc<Decision>),
    /// An act of a session that is over was not judged. What waited of it stays held.
    TooLate { kind: Kind },
    /// Lets a waiter go on.
    Allow(Waiter),
    /// Records that what a person said before lets a waiter go on, or all of a hold. Nothing is let go on yet: [`super::Input::Recorded`] says whether
    /// that could be written.
    Release(Box<Release>),
    /// The kernel counts what leaves of this flow, from before it is let go on. [`super::Input::Sent`] says what has; it says at once
    /// that the flow is gone, or cannot be counted.
    Count(HeldFlow),
    /// That is of no more interest.
    CountNoMore(FlowKey),
    /// Refuses a waiter, so that its program sees an error.
    Refuse(Waiter),
    /// Denies a flow's data and leaves its connection as it is: of very many, finding each socket would keep everybody waiting.
    Drop(Waiter),
    /// Denies a flow that nobody can be asked about any more, until TCP has given up on it.
    KeepHeld { cookie: u64, at: BootNanos },
    /// The session's connections ask before their data leaves. [`super::Input::NotGated`] says that it could not be done.
    Gate(SessionId),
    /// Stops the whole tree; [`super::Input::Stopped`] says how that ended.
    Freeze(Stop),
    /// Ends the whole tree.
    Kill(Stop),
    /// Lets the tree go on, but for the processes that stood before.
    Thaw { session: SessionId, who: Who, stood: std::collections::HashSet<u32> },
    /// Writes a record into the ledger.
    Record(Entry),
    /// Publishes an event.
    Report(Report),
    /// What the session has touched counts for the sessions that it has met: [`super::Input::Met`] says who they are.
    PassOn(SessionId),
    /// The session's connections ask again before more of their data leaves, also those that were let through.
    AskAgain(SessionId),
    /// Answers that a session has not taken yet are taken back, so that what waits for them asks again.
    TakeBack(SessionId),
    /// Why a hold was opened is kept for the next daemon.
    KeepAccount { hold: u64 },
    /// A person decided after so long.
    Waited { hold: u64, span: Duration },
    /// What must outlive the daemon has changed.
    Save,
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiter {
    pub session: SessionId,
    /// Process to look for a flow's socket at first.
    pub pid: u32,
    pub what: Waiting,
}

impl Decision {
    /// What waits for this decision.
    pub(super) fn waiter(&self, what: Waiting) -> Waiter {
        Waiter { session: self.fact.session, pid: self.fact.process.pid, what }
    }
}

/// A tree to be stopped or ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub session: SessionId,
    pub who: Who,
    pub why: String,
    /// When what asked for it happened.
    pub asked: BootNanos,
}

/// Fields of an event beyond what it is about.
pub type Extra = Vec<(&'static str, Value)>;

/// What is reported.
#[derive(Clone, Debug)]
pub enum Report {
    /// An act that was judged, and what is done about it.
    Act { name: &'static str, decision: Arc<Decision>, action: Action, extra: Extra },
    /// An act that no rule is asked about, because its pack is switched off.
    PassedOver { at: BootNanos, session: SessionId, process: Process, subject: Subject, pack: String },
    /// A hold's end, at a time.
    Hold { name: &'static str, at: BootNanos, hold: Box<Hold>, extra: Extra },
    /// What became of a connection that was let go on.
    LetGo { name: &'static str, at: BootNanos, flow: Box<LetGo>, extra: Extra },
    /// Something about a session that is no act.
    Session { name: &'static str, at: BootNanos, session: SessionId, extra: Extra },
    /// What others that a session has met have touched counts for it from now on.
    TouchShared { at: BootNanos, session: SessionId, paths: Vec<String> },
    /// Something of a session is unknown from now on; `process` is who did it, or its root.
    Incomplete { at: BootNanos, session: SessionId, process: Process, why: &'static str },
    /// Records of a session were lost, so many since it began.
    Lost { at: BootNanos, session: SessionId, records: u64 },
    /// In observe mode, and while nothing of it is stopped: the session would be frozen.
    WouldFreeze { at: BootNanos, session: SessionId, rule: String, why: String },
    /// From now on nothing of a session is stopped (`suspended`), or it is again (`resumed`).
    Suspension {
        at: BootNanos,
        session: SessionId,
        change: &'static str,
        suspension: Box<Suspension>,
        why: Option<&'static str>,
    },
}
