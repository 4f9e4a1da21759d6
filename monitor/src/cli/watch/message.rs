//! What happens to the screen, and what it asks of the daemon.

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    answer::Given,
    dialog::{Decision, Looking},
};
use crate::control::api::{HoldView, SessionView, Status};
use interlock_core::explanation::Explanation;

/// A hold as the daemon tells it at one moment.
#[derive(Debug)]
pub struct Sighting {
    pub hold: Option<HoldView>,
    pub story: Option<Explanation>,
}

/// What happens.
#[derive(Debug)]
pub enum Input {
    Key(KeyEvent),
    Resized(u16, u16),
    Tick(Timestamp),
    /// What the daemon says regularly.
    News(Box<Status>, Vec<SessionView>, Vec<HoldView>),
    /// A hold as it is now, before it is decided about; `None` where it waits no more.
    Looked(Looking, Result<Box<Sighting>, String>),
    /// By the id of a hold or an event; `shown` where a person asked for it.
    Explained {
        id: String,
        shown: bool,
        story: Result<Box<Explanation>, String>,
    },
    /// What the daemon said to a decision.
    Answered(Result<String, String>),
    Happened(Box<Value>),
    /// What a line among the events says that is none.
    Remark(String),
    /// The daemon does not answer.
    Lost(String),
    /// The terminal or the person wants an end.
    Ended,
}

impl Input {
    /// `None` for what means nothing here: a pasted text must decide nothing either.
    #[must_use]
    pub fn of_terminal(event: Event) -> Option<Self> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Self::Key(key)),
            Event::Resize(width, height) => Some(Self::Resized(width, height)),
            _ => None,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ask for everything now.
    Refresh,
    /// Ask for a hold as it is now.
    Look(Looking),
    Explain {
        id: String,
        shown: bool,
    },
    Decide {
        decision: Decision,
        given: Given,
    },
    Quit,
}
