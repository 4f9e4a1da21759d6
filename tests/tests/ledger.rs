//! The ledger as somebody meets it who does not trust whoever keeps it: what was changed is found with its place, what was
//! acknowledged is there, and others' tools agree.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod ledger {
    pub mod command;
    pub mod crash;
    pub mod foreign;
    pub mod forge;
    pub mod tamper;
}
