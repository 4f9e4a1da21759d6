//! What a guard sees of a fact, and the values in it.

use std::{cell::OnceCell, fmt, net::IpAddr};

use crate::facts::{Destination, Fact};

/// Most items of a list that a macro looks at; a longer list is a [`Fault`].
pub const MAX_ITEMS: usize = 4096;

/// Most characters of a text that an explanation shows.
const MAX_SHOWN: usize = 200;

/// What a guard sees.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub fact: &'a Fact,
    /// The destination's name in [`crate::rules::pattern::normal`] form.
    pub host: Option<&'a str>,
    /// The session's risk points before this fact.
    pub risk: u32,
    pub words: &'a Words,
    /// The item that a macro looks at.
    pub item: Option<&'a str>,
}

impl<'a> Scope<'a> {
    pub(super) fn destination(&self) -> Option<&'a Destination> {
        self.fact.subject.destination()
    }
}

/// Texts of a fact that are made once, when the first rule asks for them.
#[derive(Debug, Default)]
pub struct Words {
    argv: OnceCell<String>,
    address: OnceCell<String>,
}

impl Words {
    /// The arguments joined by single spaces.
    pub fn argv(&self, fact: &Fact) -> &str {
        self.argv.get_or_init(|| fact.process.args.join(" "))
    }

    pub fn address(&self, address: IpAddr) -> &str {
        self.address.get_or_init(|| address.to_canonical().to_string())
    }
}

/// An operation that has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("an index is outside of its list")]
    Index,
    #[error("a number is too large")]
    Overflow,
    #[error("a division by zero")]
    Division,
    #[error("a list has more than {MAX_ITEMS} items")]
    Length,
    #[error("a value is missing")]
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Bool(bool),
    Int(i64),
    /// Nanoseconds.
    Duration(i64),
    Text(&'a str),
    Texts(&'a [String]),
}

impl Value<'_> {
    pub fn nanoseconds(nanoseconds: u64) -> Self {
        Self::Duration(i64::try_from(nanoseconds).unwrap_or(i64::MAX))
    }
}

/// As explanations show it; long texts are cut.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Duration(nanoseconds) => write!(f, "{:.3} s", *nanoseconds as f64 / 1e9),
            Self::Text(text) => match text.char_indices().nth(MAX_SHOWN) {
                Some((end, _)) => write!(f, "{:?}…", text.get(..end).unwrap_or_default()),
                None => write!(f, "{text:?}"),
            },
            Self::Texts(list) => write!(f, "{} items", list.len()),
        }
    }
}

/// The types of guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int,
    Duration,
    Text,
    Texts,
}

impl Type {
    /// As CEL calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Duration => "duration",
            Self::Text => "string",
            Self::Texts => "list(string)",
        }
    }
}
