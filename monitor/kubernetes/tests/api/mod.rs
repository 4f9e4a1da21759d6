//! An API server, and a watch that asks it.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a failed expectation is a failed test, and each test uses a part"
)]

pub mod running;
pub mod server;
