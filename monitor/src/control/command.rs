//! What the control server asks of the event loop, and how the answer comes back.

use tokio::sync::oneshot;

use super::{
    api::{
        Approval, Denial, Enroll, GrantView, HoldView, NotifyTry, Refusal, RulesView, SessionView, Status,
        TargetView, Thaw,
    },
    factors::{FactorRemoval, FactorView, NewFactor, StatementView, WantedStatement},
    peer::Caller,
    suspensions::{Resume, Suspend},
};
use crate::{
    archive::{Question, Sight, Told},
    factor::{enrol::Changed, enrolled::Enrolled, refused::Refused, statement::Statement, store::Survey},
};
use interlock_core::{explanation::Explanation, health::Check, record::Factor};
use interlock_host::proc::seat::Shared;

/// Why the event loop says no; the server picks the HTTP status from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    NotPermitted(Refusal),
    NotFound(Refusal),
    /// Already decided, not frozen, ended.
    Conflict(Refusal),
    Invalid(Refusal),
    /// Too many attempts before.
    Throttled(Refusal),
}

pub type Reply<T> = oneshot::Sender<Result<T, RequestError>>;

/// One request. The event loop first refuses every caller whose process carries a label, whatever it asks, and *after it
/// looked the label up* every caller that has ended or begins to: the dead and the dying carry no label.
#[derive(Debug)]
pub enum Request {
    Status(Reply<Status>),
    Sessions(Reply<Vec<SessionView>>),
    Enroll(Enroll, Reply<SessionView>),
    Freeze(String, Reply<SessionView>),
    Kill(String, Reply<SessionView>),
    Thaw(String, Thaw, Reply<SessionView>),
    Holds {
        all: bool,
        /// Nobody counts as shown to a person by it.
        peek: bool,
        reply: Reply<Vec<HoldView>>,
    },
    Approve(String, Approval, Reply<HoldView>),
    Deny(String, Denial, Reply<HoldView>),
    Grants(Reply<Vec<GrantView>>),
    Revoke(String, Reply<Vec<GrantView>>),
    Explain {
        id: String,
        /// As above.
        peek: bool,
        reply: Reply<Explanation>,
    },
    /// The text that a key is to sign.
    Statement(WantedStatement, Reply<StatementView>),
    /// The factors of a user, by uid; the caller's where none is named.
    Factors(Option<u32>, Reply<Vec<FactorView>>),
    AddFactor(NewFactor, Reply<Vec<FactorView>>),
    RemoveFactor(String, FactorRemoval, Reply<Vec<FactorView>>),
    Suspend(Suspend, Reply<Vec<SessionView>>),
    Resume(Resume, Reply<Vec<SessionView>>),
    Reload(Reply<RulesView>),
    Doctor(Reply<Vec<Check>>),
    Notifier(Reply<Vec<TargetView>>),
    /// Answered by the names of the targets.
    TestNotifier(NotifyTry, Reply<Vec<String>>),
    /// Asked before events are told, so that the refusal above applies to them too; answered by what the caller may see.
    Watch(Reply<Sight>),
}

impl Request {
    /// Whether it lets something go on that waits or stands, or changes what that takes.
    #[must_use]
    pub fn lets_go_on(&self) -> bool {
        matches!(
            self,
            Self::Approve(..)
                | Self::Thaw(..)
                | Self::Suspend(..)
                | Self::AddFactor(..)
                | Self::RemoveFactor(..)
        )
    }
}

/// What a request asks for, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    pub verb: &'static str,
    pub target: Option<String>,
    pub brings: Brings,
}

/// What a request brings beside asking. Attempts are counted by it, so that whoever fails with the one takes no other from its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Brings {
    Nothing,
    Code,
    Signature,
}

impl Request {
    #[must_use]
    pub fn asks(&self) -> Asks {
        let (verb, target) = match self {
            Self::Status(_) => ("status", None),
            Self::Sessions(_) => ("sessions", None),
            Self::Enroll(..) => ("enroll", None),
            Self::Freeze(id, _) => ("freeze", Some(id)),
            Self::Thaw(id, ..) => ("thaw", Some(id)),
            Self::Kill(id, _) => ("kill", Some(id)),
            Self::Holds { .. } => ("holds", None),
            Self::Approve(id, ..) => ("approve", Some(id)),
            Self::Deny(id, ..) => ("deny", Some(id)),
            Self::Grants(_) => ("grants", None),
            Self::Revoke(id, _) => ("revoke", Some(id)),
            Self::Explain { id, .. } => ("explain", Some(id)),
            Self::Statement(wanted, _) => ("statement", Some(&wanted.object)),
            Self::Factors(..) => ("factors", None),
            Self::AddFactor(..) => ("factor add", None),
            Self::RemoveFactor(id, ..) => ("factor remove", Some(id)),
            Self::Suspend(asked, _) => (asked.way.word(), asked.session.as_ref()),
            Self::Resume(asked, _) => ("resume", asked.session.as_ref()),
            Self::Reload(_) => ("reload", None),
            Self::Doctor(_) => ("doctor", None),
            Self::Notifier(_) => ("notifier", None),
            Self::TestNotifier(test, _) => ("notifier test", test.target.as_ref()),
            Self::Watch(_) => ("events", None),
        };
        Asks { verb, target: target.cloned(), brings: self.brings() }
    }

    #[must_use]
    pub fn brings(&self) -> Brings {
        let proof = match self {
            Self::Approve(_, approval, _) => approval.proof.as_ref(),
            Self::Thaw(_, thaw, _) => thaw.proof.as_ref(),
            Self::Suspend(suspend, _) => suspend.proof.as_ref(),
            Self::AddFactor(new, _) => new.proof.as_ref(),
            Self::RemoveFactor(_, removal, _) => removal.proof.as_ref(),
            _ => None,
        };
        match proof {
            Some(proof) if proof.code.is_some() => Brings::Code,
            Some(proof) if proof.signature.is_some() => Brings::Signature,
            _ => Brings::Nothing,
        }
    }
}

/// Whether a session could have typed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// No session has the caller's terminal, or it has none.
    Alone,
    Shared(Shared),
    /// Nobody knows: why.
    Unknown(&'static str),
}

/// What the thread found that looks at codes and signatures.
#[derive(Debug)]
pub enum Strength {
    /// What the caller decides, and by what, or why that is not enough.
    Proven(Box<Statement>, Result<Factor, Refused>),
    /// Factors came or went, by what the caller gave.
    Changed(Factor, Result<Box<Changed>, Refused>),
    Listed(Result<Box<Enrolled>, Refused>),
    /// The factors of all users.
    Surveyed(Survey),
}

#[derive(Debug)]
pub struct Command {
    pub caller: Caller,
    pub request: Request,
    /// `None` where nobody has looked.
    pub typed: Option<Typed>,
    /// `None` where nobody has looked.
    pub strength: Option<Strength>,
}

/// The event loop as others see it: hand in a command, and it wakes up.
pub trait EventLoop: Send + Sync + 'static {
    /// # Errors
    /// Returns the command back when the event loop has ended.
    fn submit(&self, command: Command) -> Result<(), Box<Command>>;

    /// Events from now on, each one ECS JSON object.
    fn events(&self) -> super::live::Live;

    /// Events kept in memory, oldest first; before them a line for each session of which some made room. An event is kept before it is sent to [`EventLoop::events`], so that whoever
    /// subscribes first and then reads these misses none.
    fn recent(&self) -> Vec<std::sync::Arc<serde_json::Value>>;

    /// Events of the files and `kept` ones, read by somebody else than who asks; `None` where too many ask for that.
    fn past(
        &self,
        question: Question,
        sight: Sight,
        kept: Vec<serde_json::Value>,
    ) -> Option<oneshot::Receiver<Told>>;
}
