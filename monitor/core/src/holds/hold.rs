//! A hold: one question to a person, and what has become of it.

use serde::{Deserialize, Serialize};

use super::{
    company::Company,
    given::Given,
    held::{HeldCaller, HeldFlow},
    question::{Object, Question},
};
use crate::facts::{Action, BootNanos, HoldState, Severity, Terms};

/// One question to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Shown as `h7`.
    pub number: u64,
    /// Raw session id.
    pub session: u64,
    /// Uid of the session's owner, who is told also when the session is over; an earlier version did not save it.
    #[serde(default)]
    pub owner: Option<u32>,
    /// Who had logged in where its session began, as that knows it.
    #[serde(default)]
    pub login: Option<u32>,
    pub agent: String,
    pub pid: u32,
    /// Without credentials, and cut: for people.
    pub command: String,
    /// What it is compared by ([`Process::command_digest`](crate::facts::Process::command_digest)); empty where an older daemon
    /// opened the hold, and then nothing is the same.
    #[serde(default)]
    pub command_sha256: String,
    pub object: Object,
    pub rule: String,
    pub summary: String,
    pub severity: Severity,
    pub because: Vec<String>,
    /// Risk points that the session got for it; an approval takes them back.
    pub points: u32,
    pub flows: Vec<HeldFlow>,
    /// Processes that are stopped before a syscall takes effect.
    pub callers: Vec<HeldCaller>,
    /// Further processes that wait under it.
    #[serde(default)]
    pub company: Company,
    pub since: BootNanos,
    pub deadline: Option<BootNanos>,
    pub then: Action,
    /// What its rule asks of an approval; those of the rules that were in force when it was opened.
    #[serde(default)]
    pub terms: Terms,
    /// What persons have said yes to so far, where the terms ask for more than one.
    #[serde(default)]
    pub approvals: Vec<Given>,
    pub state: HoldState,
    pub decided_by: Option<String>,
    #[serde(default)]
    pub decided_at: Option<BootNanos>,
    /// Why, as who decided says.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Hold {
    #[must_use]
    pub fn id(&self) -> String {
        format!("h{}", self.number)
    }

    /// What waits, for people.
    #[must_use]
    pub fn target(&self) -> String {
        self.object.text()
    }

    pub(super) fn question(&self) -> Question {
        Question::new(self.session, &self.object)
    }

    pub(super) fn waits_for_nobody(&self) -> bool {
        self.flows.is_empty() && self.callers.is_empty()
    }
}
