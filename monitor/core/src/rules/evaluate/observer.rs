//! Who listens to an evaluation: nobody on the way of every fact, and everything that was asked where it is explained.

use std::{
    borrow::Cow,
    fmt::{self, Display, Write as _},
};

use crate::mask;

/// One condition of a rule against a fact. Nothing is formatted unless an observer does it.
pub struct Finding<'f> {
    /// As rules write it: `destination.class`.
    pub condition: &'static str,
    pub met: bool,
    /// What the rule asks for.
    pub asked: &'f dyn Display,
    /// What the fact, or the session's memory, has.
    pub found: &'f dyn Display,
    /// The smallest change of what was found with which a met condition would not be met.
    pub instead: &'f dyn Display,
    pub wording: Wording<'f>,
}

/// How a met condition is written in one line.
pub enum Wording<'f> {
    /// Not at all.
    Silent,
    /// `destination.class = infra`
    Value,
    /// `destination.host = api.example.com (*.example.com)`
    By(&'f dyn Display),
    /// `process.argv matches *DELETE*`
    Matches(&'f dyn Display),
    Words(fmt::Arguments<'f>),
    Lines(&'f dyn Fn() -> Vec<String>),
}

/// Hears of each condition that is evaluated.
pub trait Observer {
    /// Whether to go on with the rule's other conditions.
    fn hears(&mut self, finding: Finding<'_>) -> bool;
}

/// Goes on only while every condition is met, and remembers nothing.
pub struct Noop;

impl Observer for Noop {
    #[inline(always)]
    fn hears(&mut self, finding: Finding<'_>) -> bool {
        finding.met
    }
}

/// Writes the conditions of a rule that matches.
#[derive(Default)]
pub struct MatchText {
    pub said: Vec<String>,
}

impl MatchText {
    /// A new line, with room for what most lines are: matches are written on the way of every fact.
    fn next(&mut self) -> &mut String {
        self.said.push_mut(String::with_capacity(64))
    }
}

impl Observer for MatchText {
    fn hears(&mut self, finding: Finding<'_>) -> bool {
        let Finding { condition, met, found, wording, .. } = finding;
        if met {
            let before = self.said.len();
            // Writing to a string does not fail.
            let _ = match wording {
                Wording::Silent => Ok(()),
                Wording::Value => write!(self.next(), "{condition} = {found}"),
                Wording::By(pattern) => write!(self.next(), "{condition} = {found} ({pattern})"),
                Wording::Matches(pattern) => write!(self.next(), "{condition} matches {pattern}"),
                Wording::Words(words) => self.next().write_fmt(words),
                Wording::Lines(lines) => {
                    self.said.extend(lines());
                    Ok(())
                }
            };
            if has_arguments(condition) {
                self.said.iter_mut().skip(before).for_each(mask_in);
            }
        }
        met
    }
}

/// Whether what was found may be a command line, or an argument. Others are not looked at: matches are written on the way of
/// every fact.
fn has_arguments(condition: &str) -> bool {
    matches!(condition, "process.argv" | "when")
}

fn masked(condition: &str, mut found: String) -> String {
    if has_arguments(condition) {
        mask_in(&mut found);
    }
    found
}

fn mask_in(found: &mut String) {
    if let Cow::Owned(masked) = mask::text(found) {
        *found = masked;
    }
}

/// Keeps every condition, met or not.
#[derive(Default)]
pub struct FullTrace {
    pub conditions: Vec<Condition>,
}

/// A condition of a rule, and what it was held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// As rules write it: `destination.class`.
    pub name: &'static str,
    pub met: bool,
    pub asked: String,
    pub found: String,
    /// The smallest change with which it would not be met; `None` where it is not met.
    pub instead: Option<String>,
}

impl Condition {
    /// Of a rule that asks for nothing but the kind.
    pub fn everything(kind: &str) -> Self {
        let instead = Some("nothing: only an exception excuses it".to_owned());
        Self { name: "on", met: true, asked: format!("every {kind}"), found: kind.to_owned(), instead }
    }

    /// Of a rule that waits for a connection's first data, where there is none yet.
    pub fn too_early() -> Self {
        let (asked, found) = ("the connection's first data".to_owned(), "its handshake".to_owned());
        Self { name: "before", met: false, asked, found, instead: None }
    }
}

impl FullTrace {
    pub fn all_met(&self) -> bool {
        self.conditions.iter().all(|condition| condition.met)
    }
}

impl Observer for FullTrace {
    fn hears(&mut self, finding: Finding<'_>) -> bool {
        let Finding { condition, met, asked, found, instead, .. } = finding;
        self.conditions.push(Condition {
            name: condition,
            met,
            asked: asked.to_string(),
            found: masked(condition, found.to_string()),
            instead: met.then(|| masked(condition, instead.to_string())),
        });
        true
    }
}
