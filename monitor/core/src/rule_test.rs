//! Tests of rules: cases say what a session does and what the rules must decide, and are played without a kernel.
//!
//! Files become [`Cases`] or the list of all their problems; [`Runner::run`] plays one and gives what was not as
//! expected. Everything between an event and its decision is the daemon's own code: [`crate::recognition`], a
//! [`crate::sessions::Session`] and its rules. The format is described in `docs/rules.md`.

mod case;
mod cases;
mod decided;
mod grammar;
mod miss;
mod play;
mod read;
mod schema;

pub use self::{
    case::{Answer, Case, Decision, Decisions, describe},
    cases::Cases,
    decided::decisions,
    miss::Miss,
    play::{CaseResult, Runner},
    schema::schema,
};

#[cfg(test)]
mod tests;
