//! A case as written, checked and ready to play.

use std::{collections::BTreeSet, fmt, net::IpAddr, time::Duration};

use serde::Serialize;

use crate::{
    facts::{Action, EnvironHow, InPod, InspectHow, Lifecycle, LinkHow, NameSource, Transport},
    words::Word,
};

/// One session, and what must be decided about it.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub file: String,
    /// From 1.
    pub line: u64,
    pub setting: Setting,
    pub events: Vec<Event>,
    /// Of the whole session.
    pub expect: Option<Expected>,
}

impl Case {
    /// Ids of the rules that are expected to do something.
    pub fn expected_rules(&self) -> impl Iterator<Item = String> {
        let expected = self.events.iter().map(|event| &event.expect).chain([&self.expect]);
        let decisions = expected.flatten().flat_map(|expected| match expected {
            Expected::Exactly(decisions) => decisions.iter().collect(),
            Expected::Silent | Expected::Unstopped => Vec::new(),
        });
        decisions.map(|decision| decision.rule.clone())
    }
}

/// Who works where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Catalogue id.
    pub agent: String,
    pub home: String,
    /// `None`: unknown, so that every secret is foreign.
    pub workspace: Option<String>,
    /// Records of the session were lost.
    pub incomplete: bool,
    pub pod: InPod,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            agent: "claude-code".to_owned(),
            home: "/home/ann".to_owned(),
            workspace: Some("/home/ann/work".to_owned()),
            incomplete: false,
            pod: InPod::Outside,
        }
    }
}

/// One thing that the session does.
#[derive(Clone, Debug)]
pub struct Event {
    /// Since the session began.
    pub at: Duration,
    pub act: Act,
    /// Who does it; `None`: what was executed last, or the agent itself.
    pub process: Option<Actor>,
    /// Who started what is executed; `None`: the agent.
    pub parent: Option<Actor>,
    pub expect: Option<Expected>,
    /// From 1.
    pub line: u64,
    /// As a person reads it: `4s connect backboard.railway.app`.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Open(String),
    Probe(String),
    Connect(Endpoint),
    Exec(Program),
    Environ {
        own: bool,
        how: EnvironHow,
    },
    Inspect {
        own: bool,
        how: InspectHow,
    },
    /// The path of a service's socket.
    Delegate(String),
    Link {
        path: String,
        to: String,
        how: LinkHow,
    },
    Lifecycle(Lifecycle),
    Answer {
        how: Reply,
        /// Id of the rule that holds, or froze.
        rule: String,
    },
}

/// What people do about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Approve,
    Deny,
    /// Nobody answers until the deadline.
    Silence,
    Thaw,
}

impl Word for Reply {
    const WORDS: &'static [(&'static str, Self)] =
        &[("approve", Self::Approve), ("deny", Self::Deny), ("silence", Self::Silence), ("thaw", Self::Thaw)];
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The flow's own name.
    pub host: Option<String>,
    pub named_by: NameSource,
    /// What DNS said the address is.
    pub resolved: Vec<String>,
    pub address: IpAddr,
    pub port: u16,
    pub transport: Transport,
    /// What a proxy at the address is asked for.
    pub through_proxy: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The session's root.
    Agent,
    Program(Program),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub executable: String,
    /// The program's name first.
    pub args: Vec<String>,
}

/// What a rule did about an event, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// An exception.
    Allow,
    /// Only recorded: the rule is in observe mode.
    Observe,
    Alert,
    Hold,
    Deny,
    Freeze,
    Kill,
}

impl From<Action> for Answer {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow => Self::Allow,
            Action::Alert => Self::Alert,
            Action::Hold => Self::Hold,
            Action::Deny => Self::Deny,
            Action::Freeze => Self::Freeze,
            Action::Kill => Self::Kill,
        }
    }
}

impl Word for Answer {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("allow", Self::Allow),
        ("observe", Self::Observe),
        ("alert", Self::Alert),
        ("hold", Self::Hold),
        ("deny", Self::Deny),
        ("freeze", Self::Freeze),
        ("kill", Self::Kill),
    ];
}

/// A rule and what it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Decision {
    pub answer: Answer,
    pub rule: String,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.answer.word(), self.rule)
    }
}

/// What is decided about one event, or about a session.
pub type Decisions = BTreeSet<Decision>;

/// Decisions in one line, strongest first: `hold a, alert b`.
pub fn describe(decisions: &Decisions) -> String {
    if decisions.is_empty() {
        return "silence".to_owned();
    }
    decisions.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No rule does anything; exceptions may.
    Silent,
    /// Alerts at most.
    Unstopped,
    /// Exactly these; of a whole session the strongest ones.
    Exactly(Decisions),
}

impl Expected {
    /// Whether that is what was decided.
    #[must_use]
    pub fn is_met(&self, decisions: &Decisions) -> bool {
        match self {
            Self::Silent => decisions.iter().all(|decision| decision.answer == Answer::Allow),
            Self::Unstopped => decisions.iter().all(|decision| decision.answer < Answer::Hold),
            Self::Exactly(expected) => expected == decisions,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("silence"),
            Self::Unstopped => f.write_str("alerts at most"),
            Self::Exactly(decisions) => f.write_str(&describe(decisions)),
        }
    }
}
