//! The ledger: an append-only file of decisions, each record chained to the one before by its BLAKE3 hash.
//!
//! Any edit, any cut that is not at the very end and any reorder breaks the chain, and `verify` says where. A cut at the
//! end, or a file that was written anew as a whole, shows only against a head that was kept elsewhere: the daemon
//! publishes it as a metric and in the journal.
//!
//! Another program may rotate the file: the chain goes on in the next one, see [`rotation`].

mod aside;
mod begin;
pub mod chain;
pub mod check;
mod error;
pub mod export;
mod fault;
mod found;
mod kept;
mod lines;
mod look;
mod open;
mod others;
mod pending;
pub mod record;
pub mod rotation;
pub mod scan;
mod segments;
mod state;
mod tail;
pub mod tree;
pub mod verify;

pub use self::{
    aside::Torn,
    chain::{Head, MAX_LINE},
    error::LedgerError,
    fault::Fault,
    record::Record,
    rotation::Rotation,
    segments::Segments,
    state::{FILE, Ledger},
    verify::{Summary, verify, verify_all},
};

#[cfg(test)]
mod tests;
