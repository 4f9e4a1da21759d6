//! What the tests of the real binary stand on: a daemon of their own, an agent's home, a server that counts.
//!
//! Every daemon watches only what descends from the test process, keeps its state in a temporary directory, and ends with
//! its test. A failure here is a failed test, so these functions panic with what they last saw.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

pub mod agent;
pub mod backend;
pub mod cluster;
pub mod daemon;
pub mod desktop;
pub mod factor;
pub mod prometheus;
pub mod receiver;
pub mod schema;
pub mod server;
pub mod terminal;
pub mod wait;

/// Whether the kernel's help can be had; says why not.
#[must_use]
pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: probes need root");
    }
    root
}
