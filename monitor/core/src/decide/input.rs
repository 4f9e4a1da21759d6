//! What a decision is made from: acts, answers and ends.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::decision::Decision;
use crate::{
    facts::{BootNanos, FactorKind, Process, SessionId, Subject},
    holds::{
        Grant, HeldCaller, HeldFlow, Hold,
        extent::Extent,
        let_go::{LetGo, Progress},
        relays::Hop,
    },
    record::{Entry, Who},
    sessions::{Outcome, Suspension},
};

/// One input of [`super::Decider::step`].
#[derive(Clone, Debug)]
pub enum Input {
    /// A session did something, or is about to.
    Act(Box<Act>),
    /// Data of a flow that waits already asks again, under a newer generation.
    AsksAgain(HeldFlow),
    /// A socket has another connection.
    Reconnected { cookie: u64 },
    /// A socket is closed by everybody.
    FlowClosed { cookie: u64 },
    /// How a connection stands that was held and let go on.
    Sent { cookie: u64, progress: Progress },
    /// A process has ended.
    CallerEnded { pid: u32 },
    /// A session's last process has ended: nothing of it waits any more.
    Ending(SessionId),
    /// A session is over, its end is judged: it is forgotten.
    Over(SessionId),
    /// A person lets a hold go on. The ledger has it already: what cannot be proved is not let through.
    Approved(Approval),
    /// A person denies a hold.
    Denied(Denial),
    /// A person takes back what an approval lets go on later: the grants of a hold.
    Revoked { hold: u64, who: Who },
    /// A person freezes a session.
    FreezeAsked { session: SessionId, who: Who },
    /// A person ends a session's processes.
    KillAsked { session: SessionId, who: Who },
    /// A person lets a frozen session go on.
    Thawed { session: SessionId, who: Who },
    /// What a person said lets this go on, and whether the ledger has that, or need not have it (`on_full`).
    Recorded { release: Box<Release>, recorded: bool },
    /// For a time nothing of a session is to be stopped: break-glass, or a pause. The ledger has it already.
    Suspended { session: SessionId, suspension: Box<Suspension> },
    /// That ends before its time.
    Resumed { session: SessionId, who: Who },
    /// How the freeze that an effect asked for ended.
    Stopped { session: SessionId, outcome: Outcome },
    /// Somebody sees a waiting hold as it stands.
    Shown { hold: u64 },
    /// A hold of an earlier daemon still waits.
    Restored(Box<Hold>),
    /// What persons had granted for a while before an earlier daemon ended.
    RestoredGrants(Vec<Grant>),
    /// Connections that were let go on before an earlier daemon ended.
    RestoredLetGo(Vec<LetGo>),
    /// These sessions can have told each other what they have read: see [`super::Decider::reached`].
    Met(BTreeSet<SessionId>),
    /// Something that a session did is unknown: `process` did it, or its root is named.
    Doubted { session: SessionId, process: Box<Process>, why: &'static str },
    /// So many records of a session were lost since it began.
    Lost { session: SessionId, records: u64 },
    /// The kernel could not be told that a session's connections ask.
    NotGated(SessionId),
    /// Time has passed: deadlines are looked at.
    Tick,
    /// The daemon ends, and its kernel programs with it: silence never means yes.
    Ends { why: String },
}

/// Something that a session did, or is about to do.
#[derive(Clone, Debug)]
pub struct Act {
    pub session: SessionId,
    pub process: Process,
    pub at: BootNanos,
    pub subject: Subject,
    pub pending: Pending,
    /// The pack that the subject belongs to, if the rules switch it off: it is recorded, and no rule is asked.
    pub pack_off: Option<String>,
}

/// What waits for the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Nothing: it has happened.
    None,
    /// Nothing any more: what runs is not what was judged.
    Changed,
    /// The kernel refused it already by the verdict table, or would have in enforce mode.
    Refused { observed: bool },
    /// A connection's data.
    Flow {
        flow: HeldFlow,
        /// Nobody has seen the begin of the connection, and it has said nothing since: who it is for is a guess.
        unseen: bool,
    },
    /// A process that is stopped before its system call.
    Caller(HeldCaller),
}

impl Pending {
    /// What waits, if it can be answered.
    #[must_use]
    pub fn waiting(&self) -> Option<Waiting> {
        match self {
            Self::Flow { flow, .. } => Some(Waiting::Flow(*flow)),
            Self::Caller(caller) => Some(Waiting::Caller(*caller)),
            Self::None | Self::Changed | Self::Refused { .. } => None,
        }
    }
}

/// What is held, and can be let go on or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Flow(HeldFlow),
    Caller(HeldCaller),
}

/// A person's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub hold: u64,
    pub who: Who,
    /// What else may be done unasked.
    pub extent: Extent,
    /// What the person was shown, as [`crate::holds::evidence::Evidence`] is named; `None` where that is not said.
    pub evidence: Option<String>,
    /// Why, as [`crate::holds::reason::reason`] has it.
    pub reason: Option<String>,
    /// Of the groups that the hold's terms ask for, those that the person is in.
    pub groups: Vec<String>,
    /// What the person has proven to be that person by.
    pub factor: Option<FactorKind>,
    /// Of a user of the cluster, whether the session is theirs; `None` where nobody can say. Of others the uid says it.
    pub owns: Option<bool>,
}

impl Approval {
    /// One that says nothing but yes.
    #[must_use]
    pub fn of(hold: u64, who: Who) -> Self {
        Self {
            hold,
            who,
            extent: Extent::Once,
            evidence: None,
            reason: None,
            groups: Vec::new(),
            factor: None,
            owns: None,
        }
    }
}

/// A person's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub hold: u64,
    pub who: Who,
    /// As of an approval.
    pub reason: Option<String>,
    /// What the person was shown. A no counts whatever that was, and it is recorded.
    pub evidence: Option<String>,
}

impl Denial {
    /// One that says nothing but no.
    #[must_use]
    pub fn of(hold: u64, who: Who) -> Self {
        Self { hold, who, reason: None, evidence: None }
    }
}

/// What a person's word lets go on, once that is recorded.
#[derive(Clone, Debug)]
pub struct Release {
    pub entry: Entry,
    pub(super) what: Released,
}

/// What goes on.
#[derive(Clone, Debug)]
pub(super) enum Released {
    /// A waiter, by what was said before.
    Waiter {
        decision: Arc<Decision>,
        waiting: Waiting,
        /// Who said so, as the record names them.
        by: String,
        /// The hop of a request that another one will follow.
        hop: Option<Hop>,
        /// Of what a rule would have stopped, were the session not suspended: further fields of the event that says so.
        would: Option<Vec<(&'static str, Value)>>,
    },
    /// Everything of a hold, as its session is suspended.
    Hold(u64),
}
