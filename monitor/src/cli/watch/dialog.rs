//! What lies over the panes: a question to the person, or a text to read.

use std::time::{Duration, Instant};

use super::{
    answer::{Draft, Given},
    evidence::{LABEL, evidence, labelled},
};
use crate::{
    cli::{
        language::plain,
        wrap::{LongWords, wrapped},
    },
    control::api::{HoldView, SessionView},
};
use interlock_core::{explanation::Explanation, facts::ReasonTerm};

/// What a person types to let something go on.
pub const CONSENT: &str = "yes";

/// How long a question stands there before it takes an answer: what was typed for something else is over by then.
const READ_FIRST: Duration = Duration::from_millis(700);

/// What is about to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve { hold: String },
    Deny { hold: String },
    Freeze { session: String },
    Thaw { session: String },
}

impl Decision {
    /// What lets something go on is confirmed by a word, what stops something by a key.
    #[must_use]
    pub fn lets_go_on(&self) -> bool {
        matches!(self, Self::Approve { .. } | Self::Thaw { .. })
    }

    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Approve { hold } => format!("approve {hold}"),
            Self::Deny { hold } => format!("deny {hold}"),
            Self::Freeze { session } => format!("freeze {session}"),
            Self::Thaw { session } => format!("thaw {session}"),
        }
    }

    /// The hold that it is about.
    #[must_use]
    pub fn hold(&self) -> Option<&str> {
        match self {
            Self::Approve { hold } | Self::Deny { hold } => Some(hold),
            Self::Freeze { .. } | Self::Thaw { .. } => None,
        }
    }
}

/// The daemon is asked what exactly is decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looking {
    pub decision: Decision,
    /// Which asking it is: an answer to an earlier one is older than what the person is waiting for.
    pub serial: u64,
}

#[derive(Debug)]
pub enum Dialog {
    Looking(Looking),
    Question(Question),
    Text(Text),
    /// The words that narrow the events.
    Filter(String),
}

/// A decision, and what it is about.
#[derive(Debug)]
pub struct Question {
    pub decision: Decision,
    pub text: Text,
    /// What was typed of [`CONSENT`].
    pub typed: String,
    /// The reason and the code that come with the answer.
    pub draft: Draft,
    /// The rule asks for a reason.
    wants_reason: bool,
    /// How many waited under the hold beside the one that asks, as the text says.
    pub others: Option<usize>,
    /// The hold's evidence, as the text says.
    pub evidence: Option<String>,
    /// Since when it has been on the screen.
    drawn: Option<Instant>,
}

/// Lines to scroll in.
#[derive(Debug)]
pub struct Text {
    pub title: String,
    lines: Vec<String>,
    /// Columns that what does not fit goes in by.
    hanging: usize,
    pub top: usize,
    /// The columns that it was drawn in, and so many lines from the first one on have been on the screen.
    read: (usize, usize),
    /// All of it has been on the screen.
    pub seen: bool,
}

/// Columns and lines that a text has on a screen of that size; `asks` leaves room for the answer.
#[must_use]
pub fn room(size: (u16, u16), asks: bool) -> (usize, usize) {
    let (width, height) = (usize::from(size.0), usize::from(size.1));
    (width.saturating_sub(4).max(8), height.saturating_sub(if asks { 5 } else { 4 }).max(1))
}

impl Text {
    #[must_use]
    pub fn new(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self { title: title.into(), lines, hanging: 0, top: 0, read: (0, 0), seen: false }
    }

    #[must_use]
    pub fn wrapped(&self, width: usize) -> Vec<String> {
        self.lines.iter().flat_map(|line| wrapped(line, width, self.hanging, LongWords::Cut)).collect()
    }

    pub fn scroll(&mut self, by: isize, (width, height): (usize, usize)) {
        let last = self.wrapped(width).len().saturating_sub(height);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Notices what is on the screen: what was jumped over has not been.
    pub fn was_drawn(&mut self, (width, height): (usize, usize)) {
        let mut read = if self.read.0 == width { self.read.1 } else { 0 };
        if self.top <= read {
            read = read.max(self.top + height);
        }
        self.read = (width, read);
        self.seen |= read >= self.wrapped(width).len();
    }
}

impl Question {
    /// About a hold: exactly what the daemon says of it now.
    #[must_use]
    pub fn about_hold(decision: Decision, hold: &HoldView, story: Option<&Explanation>, whose: &str) -> Self {
        let parts = evidence(hold, story);
        let mut lines: Vec<String> = parts.iter().flat_map(|(label, facts)| labelled(label, facts)).collect();
        lines.extend(labelled("session", &[whose.to_owned()]));
        let what = match (&decision, hold.others.len()) {
            (Decision::Approve { .. }, 0) => "Approved, this one process goes on, this once.".to_owned(),
            (Decision::Approve { .. }, more) => {
                format!("Approved, all {} of these go on, this once.", more + 1)
            }
            _ => "Denied, the process sees its connection or call refused.".to_owned(),
        };
        lines.push(format!("{what} Evidence {}.", plain(&hold.evidence)));
        let evidence = Some(hold.evidence.clone()).filter(|evidence| !evidence.is_empty()); // of an older daemon
        let wants_reason =
            matches!(decision, Decision::Approve { .. }) && hold.terms.reason == ReasonTerm::Required;
        Self { others: Some(hold.others.len()), evidence, wants_reason, ..Self::new(decision, lines) }
    }

    #[must_use]
    pub fn about_session(decision: Decision, session: &SessionView, whose: &str) -> Self {
        let what = match decision {
            Decision::Thaw { .. } => {
                "Thawed, all of it goes on, on probation: what a rule would hold then ends it."
            }
            _ => "Frozen, all of its processes stop where they are, until somebody thaws it.",
        };
        let facts = [whose.to_owned(), format!("processes: {}, risk: {}", session.processes, session.risk)];
        let lines = [labelled("session", &facts), vec![what.to_owned()]].concat();
        Self::new(decision, lines)
    }

    fn new(decision: Decision, lines: Vec<String>) -> Self {
        let title = format!("{}?", decision.words());
        let text = Text { hanging: LABEL, ..Text::new(title, lines) };
        Self {
            decision,
            text,
            typed: String::new(),
            draft: Draft::default(),
            wants_reason: false,
            others: None,
            evidence: None,
            drawn: None,
        }
    }

    pub fn was_drawn(&mut self, room: (usize, usize), when: Instant) {
        self.drawn.get_or_insert(when);
        self.text.was_drawn(room);
    }

    /// Whether it takes an answer: it has been before the person's eyes, and for long enough.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.drawn.is_some_and(|drawn| drawn.elapsed() >= READ_FIRST)
    }

    /// Whether a reason can come with it: a freeze and a thaw take none.
    #[must_use]
    pub fn takes_reason(&self) -> bool {
        self.decision.hold().is_some()
    }

    /// What the rule asks for and was not typed yet.
    #[must_use]
    pub fn lacks_reason(&self) -> bool {
        self.wants_reason && self.draft.reason().is_none()
    }

    /// What goes to the daemon with the answer.
    #[must_use]
    pub fn given(&self) -> Given {
        let Self { draft, others, evidence, .. } = self;
        Given { seen: *others, evidence: evidence.clone(), reason: draft.reason(), code: draft.code() }
    }

    /// What can be typed beside the answer, and what was.
    #[must_use]
    pub fn beside(&self) -> String {
        let typed = [
            self.draft.reason().map(|reason| format!("why: {}", plain(&reason))),
            self.draft.code().map(|_| "a code is given".to_owned()),
        ];
        let typed: Vec<String> = typed.into_iter().flatten().collect();
        if !typed.is_empty() {
            return typed.join("; ");
        }
        let keys = match (self.takes_reason(), self.decision.lets_go_on()) {
            (true, true) => "r adds a reason, c a code",
            (true, false) => "r adds a reason",
            (false, true) => return "c adds the code of your device".to_owned(),
            (false, false) => return String::new(),
        };
        format!("{keys}; who joins from now on is refused, and told")
    }

    /// What is asked of the person, in so many columns.
    #[must_use]
    pub fn prompt(&self, width: usize) -> String {
        let words = self.decision.words();
        if let Some(typing) = self.draft.prompt(width) {
            return typing;
        }
        if self.decision.lets_go_on() && !self.text.seen {
            return "there is more to read: j goes on, Esc leaves".to_owned();
        }
        if !self.is_open() {
            return "one moment, read it first; Esc leaves".to_owned();
        }
        if self.lacks_reason() {
            return format!("r to say why, as the rule asks, before you {words}; Esc leaves");
        }
        if self.decision.lets_go_on() {
            format!("type {CONSENT} and Enter to {words}, Esc to leave it: {}", self.typed)
        } else {
            format!("y to {words}, Esc to leave it")
        }
    }
}
