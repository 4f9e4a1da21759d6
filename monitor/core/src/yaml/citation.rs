//! Names in rules that only the catalogue can judge: a slip there would make a rule that never matches.

use crate::problem::Problem;

/// What a name in a rule stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    SecretClass,
    SecretEntry,
    Provider,
    Agent,
    /// A service that work is handed to.
    Service,
    /// Another rule; the rules know themselves.
    Rule,
    /// A host; the catalogue need not know it.
    Host,
}

impl Noun {
    pub fn describe(self) -> &'static str {
        match self {
            Self::SecretClass => "secret class",
            Self::SecretEntry => "secret",
            Self::Provider => "provider",
            Self::Agent => "agent",
            Self::Service => "service",
            Self::Rule => "rule",
            Self::Host => "host",
        }
    }
}

/// A name that someone else must know: the catalogue, or the other rules.
#[derive(Clone, Debug)]
pub struct Citation {
    pub noun: Noun,
    pub name: String,
    /// Where it stands, ready to be reported.
    pub place: Problem,
}
