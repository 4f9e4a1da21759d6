//! What is on the screen.

use std::{collections::HashMap, time::Instant};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    dialog::{Dialog, room},
    events::Events,
};
use crate::control::api::{HoldView, SessionView, Status};
use interlock_core::explanation::Explanation;

/// Columns and lines that a screen must have.
pub const SMALLEST: (u16, u16) = (60, 16);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Holds,
    Sessions,
    Events,
}

impl Pane {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Holds => Self::Sessions,
            Self::Sessions => Self::Events,
            Self::Events => Self::Holds,
        }
    }
}

/// Whether the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up,
    /// Since when not, and what was said last.
    Lost {
        since: Timestamp,
        why: String,
    },
}

#[derive(Debug)]
pub struct State {
    pub now: Timestamp,
    pub zone: TimeZone,
    /// Columns and lines.
    pub size: (u16, u16),
    pub link: Link,
    pub status: Option<Status>,
    pub holds: Choice<HoldView>,
    pub sessions: Choice<SessionView>,
    pub events: Events,
    pub focus: Pane,
    pub dialog: Option<Dialog>,
    /// What was answered last.
    pub notice: Option<String>,
    /// What `explain` said of the holds that wait, with how many waited under each then.
    pub stories: HashMap<String, (usize, Explanation)>,
    /// Of which holds that was asked, with how many waited under each then.
    pub asked: HashMap<String, usize>,
    /// How often the daemon was asked what a decision is about.
    pub looks: u64,
}

impl State {
    #[must_use]
    pub fn new(now: Timestamp, zone: TimeZone, size: (u16, u16)) -> Self {
        Self {
            now,
            zone,
            size,
            link: Link::Connecting,
            status: None,
            holds: Choice::default(),
            sessions: Choice::default(),
            events: Events::default(),
            focus: Pane::default(),
            dialog: None,
            notice: None,
            stories: HashMap::new(),
            asked: HashMap::new(),
            looks: 0,
        }
    }

    /// Puts what is scrolled in where it fits the screen.
    pub fn settle(&mut self) {
        match &mut self.dialog {
            Some(Dialog::Question(question)) => question.text.scroll(0, room(self.size, true)),
            Some(Dialog::Text(text)) => text.scroll(0, room(self.size, false)),
            _ => {}
        }
    }

    /// All that is in the state was on the screen at `when`.
    pub fn was_drawn(&mut self, when: Instant) {
        if self.is_too_small() {
            return;
        }
        match &mut self.dialog {
            Some(Dialog::Question(question)) => question.was_drawn(room(self.size, true), when),
            Some(Dialog::Text(text)) => text.was_drawn(room(self.size, false)),
            _ => {}
        }
    }

    /// Nothing can be read well enough to decide by.
    #[must_use]
    pub fn is_too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    #[must_use]
    pub fn story(&self, hold: &str) -> Option<&Explanation> {
        self.stories.get(hold).map(|(_, story)| story)
    }

    #[must_use]
    pub fn session(&self, id: &str) -> Option<&SessionView> {
        self.sessions.items.iter().find(|session| session.id == id)
    }
}

/// Something with an id by which it is found again.
pub trait Named {
    fn id(&self) -> &str;
}

impl Named for HoldView {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Named for SessionView {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A list of which one is chosen, and stays so while others come and go.
#[derive(Debug)]
pub struct Choice<T> {
    pub items: Vec<T>,
    place: usize,
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self { items: Vec::new(), place: 0 }
    }
}

impl<T: Named> Choice<T> {
    pub fn renew(&mut self, items: Vec<T>) {
        let chosen = self.chosen().map(|item| item.id().to_owned());
        let known = chosen.and_then(|id| items.iter().position(|item| item.id() == id));
        self.place = known.unwrap_or(self.place).min(items.len().saturating_sub(1));
        self.items = items;
    }

    #[must_use]
    pub fn chosen(&self) -> Option<&T> {
        self.items.get(self.place)
    }

    #[must_use]
    pub fn place(&self) -> usize {
        self.place
    }

    pub fn go(&mut self, by: isize) {
        self.place = self.place.saturating_add_signed(by).min(self.items.len().saturating_sub(1));
    }
}
