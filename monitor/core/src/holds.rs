//! Holds: flows and stopped syscalls that wait for a person, with their deadlines; and the grants that approvals leave behind. Pure: it
//! never acts and reads no clock.
//!
//! Flows of one session to one destination under one rule share a hold, so that a program that opens six connections
//! asks once.

pub mod company;
mod ending;
pub mod evidence;
pub mod extent;
mod given;
pub mod grants;
mod held;
mod hold;
pub mod let_go;
mod question;
pub mod reason;
pub mod relays;

use std::collections::{BTreeMap, VecDeque};

pub use self::{
    ending::Ending,
    given::Given,
    grants::Grant,
    held::{FlowKey, HeldCaller, HeldFlow},
    hold::Hold,
    question::{Object, target},
};
use self::{grants::Grants, let_go::AllLetGo, question::Question, relays::Relays};
use crate::facts::{BootNanos, HoldState};

/// Holds of one session that may wait at once: far more questions than anybody answers one by one.
pub const WAITING_MAX: usize = 32;
/// Decided holds that `holds --all` still shows.
const DECIDED_MAX: usize = 128;

/// Every hold of the daemon.
#[derive(Debug)]
pub struct Holds {
    next: u64,
    waiting: BTreeMap<u64, Hold>,
    decided: VecDeque<Hold>,
    pub(crate) grants: Grants,
    pub relays: Relays,
    pub(crate) let_go: AllLetGo,
}

/// Why a hold cannot be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecidable {
    Unknown,
    /// It was decided before.
    Already(HoldState),
}

impl Holds {
    /// Numbers continue after those that the state directory has seen.
    #[must_use]
    pub fn new(next: u64) -> Self {
        let (waiting, decided) = (BTreeMap::new(), VecDeque::new());
        let (grants, relays, let_go) = (Grants::default(), Relays::default(), AllLetGo::default());
        Self { next: next.max(1), waiting, decided, grants, relays, let_go }
    }

    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The waiting hold that asks the same. About a program that is to run, its command line, of this digest, asks too.
    pub(crate) fn same_question(
        &mut self,
        session: u64,
        rule: &str,
        object: &Object,
        command_sha256: &str,
    ) -> Option<&mut Hold> {
        let question = Question::new(session, object);
        let is_command = |hold: &Hold| hold.command_sha256 == command_sha256;
        self.waiting.values_mut().find(|hold| {
            let is_same = !matches!(object, Object::Program(_)) || is_command(hold);
            is_same && hold.rule == rule && hold.question() == question
        })
    }

    /// Somebody sees the waiting hold as it stands.
    pub(crate) fn show(&mut self, number: u64) {
        if let Some(hold) = self.waiting.get_mut(&number) {
            hold.company.show();
        }
    }

    /// Adds a hold, under the next number; returns it back as it stands.
    pub(crate) fn open(&mut self, mut hold: Hold) -> &Hold {
        hold.number = self.next;
        self.next += 1;
        self.waiting.entry(hold.number).or_insert(hold)
    }

    /// Puts back a hold of an earlier daemon, as it was shown: its command line is part of the evidence that somebody may have signed, and
    /// masking what is masked already is not always the same text again.
    pub(crate) fn restore(&mut self, hold: Hold) {
        self.next = self.next.max(hold.number + 1);
        self.waiting.insert(hold.number, hold);
    }

    pub(crate) fn waiting_mut(&mut self, number: u64) -> Option<&mut Hold> {
        self.waiting.get_mut(&number)
    }

    /// What waits already for the answer to this flow's question.
    #[must_use]
    pub fn of_flow(&self, asked: &HeldFlow) -> Option<&HeldFlow> {
        self.waiting.values().flat_map(|hold| &hold.flows).find(|flow| flow.asks_the_same(asked))
    }

    pub(crate) fn of_flow_mut(&mut self, asked: &HeldFlow) -> Option<&mut HeldFlow> {
        let flows = self.waiting.values_mut().flat_map(|hold| &mut hold.flows);
        flows.into_iter().find(|flow| flow.asks_the_same(asked))
    }

    /// The number that `h7` or `7` means.
    #[must_use]
    pub fn number(text: &str) -> Option<u64> {
        text.strip_prefix('h').unwrap_or(text).parse().ok()
    }

    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Hold> {
        self.waiting.get(&number).or_else(|| self.decided.iter().find(|hold| hold.number == number))
    }

    /// Ends the wait.
    ///
    /// # Errors
    /// There is no such hold, or it was decided before.
    pub(crate) fn decide(&mut self, number: u64, ending: Ending) -> Result<Hold, Undecidable> {
        let Some(mut hold) = self.waiting.remove(&number) else {
            let before = self.decided.iter().find(|hold| hold.number == number);
            return Err(before.map_or(Undecidable::Unknown, |hold| Undecidable::Already(hold.state)));
        };
        let Ending { state, at, by, reason } = ending;
        (hold.state, hold.decided_by, hold.decided_at, hold.reason) = (state, by, Some(at), reason);
        if self.decided.len() == DECIDED_MAX {
            self.decided.pop_front();
        }
        self.decided.push_back(hold.clone());
        Ok(hold)
    }

    /// A socket has another connection: what waited of the one before is gone. The question stays a person's to answer.
    pub(crate) fn reconnected(&mut self, cookie: u64) {
        let flows = self.waiting.values_mut().flat_map(|hold| &mut hold.flows);
        flows.filter(|flow| flow.cookie == cookie).for_each(|flow| flow.gone = true);
    }

    /// A socket is closed: nothing of it waits any more. Returns the holds of which nothing else does.
    pub(crate) fn flow_closed(&mut self, cookie: u64) -> Vec<u64> {
        self.leave(|hold| hold.flows.retain(|flow| flow.cookie != cookie))
    }

    /// A process has ended: what was stopped of it does not wait any more. Returns the holds of which nothing else does.
    pub(crate) fn caller_ended(&mut self, pid: u32) -> Vec<u64> {
        self.leave(|hold| hold.callers.retain(|caller| caller.pid != pid))
    }

    fn leave(&mut self, take_out: impl Fn(&mut Hold)) -> Vec<u64> {
        let left = self.waiting.values_mut().filter_map(|hold| {
            let waited = !hold.waits_for_nobody();
            take_out(hold);
            (waited && hold.waits_for_nobody()).then_some(hold.number)
        });
        left.collect()
    }

    /// The waiting hold of this process's syscall.
    #[must_use]
    pub fn of_caller(&self, caller: &HeldCaller) -> Option<&Hold> {
        self.waiting.values().find(|hold| hold.callers.contains(caller))
    }

    /// Waiting holds whose deadline has passed.
    #[must_use]
    pub fn expired(&self, now: BootNanos) -> Vec<u64> {
        let over = |hold: &&Hold| hold.deadline.is_some_and(|deadline| deadline <= now);
        self.waiting.values().filter(over).map(|hold| hold.number).collect()
    }

    #[must_use]
    pub fn next_deadline(&self) -> Option<BootNanos> {
        self.waiting.values().filter_map(|hold| hold.deadline).min()
    }

    /// Numbers of a session's waiting holds.
    pub fn of_session(&self, session: u64) -> impl Iterator<Item = u64> {
        self.waiting.values().filter(move |hold| hold.session == session).map(|hold| hold.number)
    }

    /// Oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Hold> {
        self.waiting.values()
    }

    pub fn decided(&self) -> impl Iterator<Item = &Hold> {
        self.decided.iter()
    }

    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Connections that were held and let go on, and have not ended.
    #[must_use]
    pub fn let_go(&self) -> &AllLetGo {
        &self.let_go
    }

    /// The session has ended: its grants go with it.
    pub(crate) fn forget(&mut self, session: u64) {
        self.grants.forget(session);
        self.relays.forget(session);
    }
}

#[cfg(test)]
mod tests;
