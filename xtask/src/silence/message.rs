//! What a session is told while it runs.

use std::{io, process::ExitStatus};

use serde_json::Value;

/// Of the daemon, or of the work.
pub enum Message {
    Event(Value),
    /// The stream of events cannot be trusted any more.
    Trouble(String),
    /// The process of this work, counted from 1, is gone. Work that was stopped is killed, and gone only when the next runs.
    Ended(usize, io::Result<ExitStatus>),
}
