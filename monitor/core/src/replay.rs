//! Replay: the events of real sessions, judged again by other rules.
//!
//! A record is what `interlock record` writes: JSON lines, the first of them [`Header`], the others events as the daemon
//! published them. They are judged with the classes, grades and owners that the daemon gave them then, in a session's
//! memory of their own, so that the only thing that differs is the rules.

mod entry;
mod header;
mod incident;
mod judge;
mod read;
mod record;
mod redaction;

pub use self::{
    entry::{Entry, Recorded, RecordedFact},
    header::{Header, Known, VERSION},
    incident::{Incident, What},
    judge::Ruled,
    read::read,
    record::Record,
    redaction::redacted,
};

#[cfg(test)]
mod tests;
