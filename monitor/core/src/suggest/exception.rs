//! The narrowest exception that the language has for a finding.

use std::time::Duration;

use super::{
    program::{Naming, Program},
    text::misleads,
};
use crate::{
    facts::{Destination, Grade, SecretAccess, Subject},
    replay::{Entry, RecordedFact},
    rules::{self, Rule},
    words::Word as _,
};

/// Conditions of an `except` of one rule, by the names of their parts. Two findings with the same ones are one proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub rule: String,
    agent: String,
    parts: Vec<(&'static str, String)>,
    /// What it excuses, in a sentence without its end: `/usr/bin/x reads /y`.
    pub fact: String,
}

impl Exception {
    /// For what `entry` says. `before` is what the session did before, for rules that ask what it touched.
    ///
    /// # Errors
    /// Why there is none that is narrow enough.
    pub fn of(rule: &Rule, entry: &Entry, before: &[Entry]) -> Result<Self, String> {
        let RecordedFact::Done { subject, process, .. } = &entry.fact else {
            return Err("an approval is no fact".to_owned());
        };
        let naming = if matches!(subject, Subject::Exec) { Naming::ByArguments } else { Naming::ByPurpose };
        let program = Program::of(process, naming)?;
        let mut parts = vec![("process", process_part(&program))];
        let does = match subject {
            Subject::Open(secret) | Subject::Probe(secret) => {
                parts.push(("secret", secret_part(secret)?));
                let verb = if matches!(subject, Subject::Open(_)) { "reads" } else { "looks for" };
                format!("{verb} {} ({}, grade {})", secret.path, secret.entry, secret.grade.word())
            }
            Subject::Link(relink) => {
                parts.push(("secret", secret_part(&relink.secret)?));
                parts.push(("link", format!("{{ how: {} }}", relink.how.word())));
                format!("gives {} another name ({})", relink.secret.path, relink.how.word())
            }
            Subject::Connect(destination) | Subject::Handshake(destination) => {
                parts.push(("destination", destination_part(destination)));
                let host = destination.name.clone().unwrap_or_else(|| destination.address.to_string());
                format!("connects to {host}, port {}", destination.port)
            }
            Subject::Exec => "is executed".to_owned(),
            Subject::Environ(access) => {
                parts.push(("environ", format!("{{ own: {}, how: {} }}", access.own, access.how.word())));
                let whose = if access.own { "its own" } else { "another process's" };
                format!("reads {whose} environment ({})", access.how.word())
            }
            Subject::Inspect(access) => {
                parts.push(("inspect", format!("{{ own: {}, how: {} }}", access.own, access.how.word())));
                let whose = if access.own { "the session's own" } else { "another" };
                format!("reaches into {whose} process ({})", access.how.word())
            }
            Subject::Delegate(asked) => {
                let service = quoted(&asked.service);
                parts.push(("delegate", format!("{{ service: {service}, how: {} }}", asked.how.word())));
                format!("asks {} ({})", asked.service, asked.how.word())
            }
            Subject::Lifecycle(_) => {
                return Err("a session's begin and end name nothing narrower than its agent".to_owned());
            }
        };
        let mut fact = format!("{}{} {does}", program.executable, describe_argv(&program));
        if let Some(wanted) = &rule.conditions.touched {
            let touch = Touch::before(entry, before, wanted)
                .ok_or("the record does not say what it had read before")?;
            parts.push(("touched", touch.part(wanted.within)));
            fact = format!("{fact}, after {}", touch.describe(wanted.within));
        }
        Ok(Self { rule: rule.id.clone(), agent: entry.agent.clone(), parts, fact })
    }

    /// One item of `override`, indented for a file.
    #[must_use]
    pub fn yaml(&self) -> String {
        let agent = format!("      - agent: {}\n", quoted(&self.agent));
        self.item(&agent, "        ")
    }

    /// The same for every agent: attacks of the corpus are others'.
    #[must_use]
    pub fn yaml_for_every_agent(&self) -> String {
        self.item("", "      - ")
    }

    fn item(&self, agent: &str, first: &str) -> String {
        let mut text = format!("  - id: {}\n    except:\n{agent}", self.rule);
        for (place, (name, value)) in self.parts.iter().enumerate() {
            let indent = if place == 0 { first } else { "        " };
            text.push_str(&format!("{indent}{name}: {value}\n"));
        }
        text
    }

    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Whether it asks what the session touched before.
    #[must_use]
    pub fn asks_the_past(&self) -> bool {
        self.parts.iter().any(|(name, _)| *name == "touched")
    }
}

/// A secret that was read before, as far as a rule's `touched` can say it.
struct Touch {
    class: String,
    grade: Grade,
    foreign: bool,
    habit: bool,
}

impl Touch {
    /// The first that still counts, so that what follows it counts by the same one.
    fn before(entry: &Entry, before: &[Entry], wanted: &crate::rules::model::Touched) -> Option<Self> {
        let RecordedFact::Done { subject, .. } = &entry.fact else { return None };
        let to = subject.destination();
        before.iter().find_map(|earlier| {
            let RecordedFact::Done { subject: Subject::Open(secret), .. } = &earlier.fact else {
                return None;
            };
            let touch = rules::Touch::of(earlier.at, secret);
            let counts = !secret.owner && touch.fits(wanted, entry.at, to);
            let grade = touch.counts_as(to).filter(|_| counts)?;
            Some(Self { class: touch.class, grade, foreign: touch.foreign, habit: touch.habit.is_some() })
        })
    }

    fn part(&self, within: Option<Duration>) -> String {
        let within = within.map(|within| format!(", within: {}", written(within))).unwrap_or_default();
        let (class, grade) = (quoted(&self.class), self.grade.word());
        let habit = if self.habit { ", habit: true" } else { "" };
        format!("{{ class: {class}, grade: {grade}, foreign: {}{habit}{within} }}", self.foreign)
    }

    fn describe(&self, within: Option<Duration>) -> String {
        let within = within.map(|within| format!(" within {}", written(within))).unwrap_or_default();
        let whose = if self.foreign { "a foreign" } else { "the workspace's own" };
        let habit = if self.habit { " by habit" } else { "" };
        format!(
            "{whose} secret of class {} and grade {} was read{habit}{within}",
            self.class,
            self.grade.word()
        )
    }
}

fn process_part(program: &Program) -> String {
    let executable = literal(&program.executable);
    match &program.argv {
        Some(argv) => format!("{{ executable: {executable}, argv: {} }}", literal(argv)),
        None => format!("{{ executable: {executable} }}"),
    }
}

fn describe_argv(program: &Program) -> String {
    program.argv.as_ref().map(|argv| format!(", called exactly as `{argv}`,")).unwrap_or_default()
}

fn secret_part(secret: &SecretAccess) -> Result<String, String> {
    if !secret.path.starts_with('/') && !secret.path.starts_with("output of ") {
        return Err(format!("the whole path of {:?} is not known", secret.path));
    }
    Ok(format!("{{ entry: {}, path: {} }}", quoted(&secret.entry), literal(&secret.path)))
}

fn destination_part(destination: &Destination) -> String {
    let port = destination.port;
    match &destination.name {
        Some(name) => format!("{{ host: {}, port: {port} }}", quoted(name)),
        None => {
            format!("{{ host: {}, port: {port}, named: false }}", quoted(&destination.address.to_string()))
        }
    }
}

/// A glob that matches this text alone.
fn literal(text: &str) -> String {
    quoted(&globset::escape(text))
}

/// JSON's strings are YAML's as well; what would not be seen is escaped.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escape = |letter: char| match letter {
        letter if misleads(letter) => format!("\\u{:04x}", u32::from(letter)),
        letter => letter.to_string(),
    };
    json.chars().map(escape).collect()
}

/// As rules write it.
fn written(duration: Duration) -> String {
    crate::rules::duration::written(duration)
}
