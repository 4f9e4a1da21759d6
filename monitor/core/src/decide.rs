//! The decision: facts, answers and time in, effects out.
//!
//! [`Decider::step`] is the only place where anything is decided, in the daemon, in rule tests and in replays. It reads no clock and
//! does nothing itself: what follows stands in the list of [`Effect`]s, and whoever called carries it out in its order. The states
//! and what moves between them are written down in `docs/decide.md`, and held against this code by a model
//! (`decide/tests/model.rs`).

mod act;
mod answer;
mod decider;
mod decision;
mod doubt;
mod effect;
mod end;
mod execs;
mod hold;
mod input;
mod meeting;
mod never;
mod objection;
mod release;
mod revoke;
mod sent;
mod silence;
mod step;
mod suspend;
mod trip;

pub use self::{
    decider::{Decider, Settings},
    decision::{Decision, event_name},
    effect::{Effect, Extra, Report, Stop, Waiter},
    execs::{ARGUMENTS_MAX, Arguments, Asked, PendingExecs},
    input::{Act, Approval, Denial, Input, Pending, Release, Waiting},
    objection::Objection,
    suspend::NotSuspendable,
};

#[cfg(test)]
mod tests;
