//! Rules: what an agent's facts mean, and what to do about them.
//!
//! Files become a [`RuleSet`] or the list of all their [`Problems`](crate::problem::Problems); a set and a session's [`Memory`] turn a fact into
//! a [`Verdict`]. Nothing here acts, reads a clock or waits. The language is described in `docs/rules.md`.

mod backends;
mod builtin;
mod compile;
mod conditions;
pub(crate) mod duration;
mod evaluate;
mod exceptions;
mod explain;
pub(crate) mod grammar;
mod guard;
mod index;
mod listed;
mod memory;
pub mod model;
mod packs;
mod parse;
mod pattern;
mod places;
pub mod schema;
mod sense;
mod set;
mod strangers;
#[cfg(test)]
mod testing;
mod trace;
mod wording;

pub use self::{
    backends::Backends,
    builtin::{Base, DEFAULT, DEFAULT_NAME},
    duration::of_unit,
    evaluate::{Condition, Match, Verdict},
    memory::{Memory, Reader, Readers, Touch},
    model::{MAX_RULES, Rule},
    pattern::{Glob, HostPattern},
    set::RuleSet,
    trace::{Outcome, Trace, Traced},
};
