//! States of the daemon, of sessions and of holds, in the words that people and programs read.

use serde::{Deserialize, Serialize};

/// Whether decisions take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Enforce,
    /// Everything is evaluated and recorded as what would have been done; nothing is stopped.
    Observe,
}

/// State of a session's breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    Running,
    /// A flow of it waits for a decision; the processes run.
    Holding,
    Frozen,
    /// Thawed, or denied once: the next trip is answered harder.
    Probation,
    Ended,
}

/// What has become of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HoldState {
    Waiting,
    Approved,
    Denied,
    /// No answer in time.
    Expired,
    /// The program closed the connection, or ended.
    Gone,
}

/// Where a rule does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// It is disabled.
    Nowhere,
    /// The kernel's verdict table says no, and nobody is asked.
    Kernel,
    /// The kernel stops the action before it happens and asks the daemon.
    Gate,
    /// The daemon judges what has happened.
    Daemon,
}
