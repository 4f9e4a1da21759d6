//! Ways around the breaker, each really taken: the secret is really read, the process really hides, the data is really
//! sent. What must come of it is *stopped or denied, and reported*.
//!
//! The same tests run on every backend. Where the promise does not hold they print `not on this backend: …` and assert
//! what is promised there instead.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod evasion {
    mod approvals;
    mod control;
    mod copies;
    mod delegation;
    mod descriptors;
    mod fixture;
    mod iouring;
    mod lineage;
    mod meetings;
    mod names;
    mod network;
    mod paths;
    mod programs;
    mod protection;
    mod sockets;
    mod starts;
}
