//! The kernel programs as they are, on this machine: portable backend, real hooks, real processes.
//!
//! Every test loads programs and maps of its own, and labels one process that it started itself: what else runs here
//! is not touched. They need root; without it each says so and does nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

mod kernel {
    mod actor;
    mod bench;
    mod execute;
    mod files;
    mod flows;
    mod lineage;
    mod loss;
    mod network;
    mod threads;
}
