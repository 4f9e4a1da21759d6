//! Readers of single values. Each notes what is wrong at its place, and goes on.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    path::PathBuf,
    time::Duration,
};

use toml::{Spanned, de::DeValue};
use tracing_subscriber::EnvFilter;

use super::{
    approvers::{self, Approvers},
    longest,
};
use interlock_core::problem::{Problem, Problems, Source, nearest};

pub(super) type Value<'v> = Spanned<DeValue<'v>>;

/// Reads the values of one file.
pub(super) struct Reader<'a> {
    source: Source<'a>,
    text: &'a str,
    problems: Problems,
}

impl<'a> Reader<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { source: Source::new(file, text), text, problems: Problems::default() }
    }

    /// The problems in the order of their lines.
    pub fn finish(mut self) -> Problems {
        self.problems.sort();
        self.problems
    }

    /// The place of a value, ready to be reported.
    pub fn place(&self, value: &Value<'_>, key: &str) -> Problem {
        self.source.problem_of_bytes(value.span(), key, "")
    }

    pub fn refuse_bytes(&mut self, place: Range<usize>, key: &str, message: String) -> &mut Problem {
        let problem = self.source.problem_of_bytes(place, key, message);
        self.problems.push(problem)
    }

    pub fn refuse(&mut self, value: &Value<'_>, key: &str, message: String, expected: &str) {
        self.refuse_bytes(value.span(), key, message).expected(expected);
    }

    /// Notes a value of another kind, or out of bounds, as it is written.
    pub fn refuse_found<T>(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
            _ => self.text.get(value.span()).unwrap_or_default(),
        };
        self.refuse(value, key, format!("found {found}"), expected);
        None
    }

    /// How many problems were noted so far.
    pub fn count(&self) -> usize {
        self.problems.0.len()
    }

    pub fn absolute(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<PathBuf> {
        let path = value.get_ref().as_str().map(PathBuf::from).filter(|path| path.is_absolute());
        path.or_else(|| self.refuse_found(value, key, expected))
    }

    pub fn socket_address(&mut self, value: &Value<'_>, key: &str) -> Option<SocketAddr> {
        let address = value.get_ref().as_str().and_then(|text| text.parse().ok());
        let expected = "an address and a port, as \"127.0.0.1:9464\", or \"none\"";
        address.or_else(|| self.refuse_found(value, key, expected))
    }

    /// One of these words.
    pub fn one_of<T: Copy>(&mut self, value: &Value<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = value.get_ref().as_str();
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| Some(*word) == text) {
            return Some(*chosen);
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        let expected = match words.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => words.concat(),
        };
        self.refuse_found::<T>(value, key, &expected);
        if let (Some(text), Some(problem)) = (text, self.problems.0.last_mut()) {
            problem.near(text, choices.iter().map(|(word, _)| *word));
        }
        None
    }

    /// How long something may last.
    pub fn span(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<Duration> {
        let span = value.get_ref().as_str().and_then(longest::parse);
        span.or_else(|| self.refuse_found(value, key, expected))
    }

    /// A whole number, 1 or more.
    pub fn number(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<u32> {
        let number = value.get_ref().as_integer();
        let number = number.and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| *number > 0).or_else(|| self.refuse_found(value, key, expected))
    }

    pub fn addresses(&mut self, value: &Value<'_>, key: &str) -> Option<Vec<IpAddr>> {
        let Some(list) = value.get_ref().as_array() else {
            let expected = "a list of addresses, such as [\"192.0.2.53\", \"2001:db8::53\"]";
            return self.refuse_found(value, key, expected);
        };
        let read = |(place, item): (usize, &Value<'_>)| {
            let address = item.get_ref().as_str().and_then(|text| text.parse().ok());
            address.or_else(|| {
                self.refuse_found(item, &format!("{key}[{place}]"), "an address, such as \"192.0.2.53\"")
            })
        };
        Some(list.iter().enumerate().filter_map(read).collect())
    }

    pub fn log_filter(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let expected = "a log filter, as \"info\" or \"info,interlock::rules=debug\"";
        let Some(text) = value.get_ref().as_str() else { return self.refuse_found(value, key, expected) };
        match EnvFilter::builder().parse(text) {
            Ok(_) => Some(text.to_owned()),
            Err(error) => {
                self.refuse(value, key, format!("found {text:?}: {error}"), expected);
                None
            }
        }
    }

    pub fn approvers(&mut self, value: &Value<'_>, key: &str) -> Option<Approvers> {
        match (value.get_ref().as_str(), value.get_ref().as_array()) {
            (Some("owner"), _) => Some(Approvers::Owner),
            (Some("root"), _) => Some(Approvers::Root),
            (None, Some(_)) => self.users(value, key).map(Approvers::Users),
            _ => self.refuse_found(value, key, "\"owner\", \"root\" or a list of user names and uids"),
        }
    }

    /// A key that there is not, with the one that was meant, if any is near.
    pub fn refuse_key(&mut self, place: Range<usize>, at: &str, name: &str, keys: &[&str]) {
        let problem = self.refuse_bytes(place, at, "unknown key".to_owned());
        match nearest(name, keys.iter().copied()) {
            // All of them would hide the one that was meant.
            Some(near) => problem.hint(format!("did you mean {near:?}?")),
            None => problem.expected(format!("one of {}", keys.join(", "))),
        };
    }

    pub fn users(&mut self, value: &Value<'_>, key: &str) -> Option<Vec<u32>> {
        let Some(users) = value.get_ref().as_array() else {
            return self.refuse_found(value, key, "a list of user names and uids");
        };
        let read = |(place, user)| self.user(user, &format!("{key}[{place}]"), "a user name or a uid");
        Some(users.iter().enumerate().filter_map(read).collect())
    }

    /// A user by name or uid.
    pub fn user(&mut self, value: &Value<'_>, key: &str, expected: &str) -> Option<u32> {
        match (value.get_ref().as_str(), value.get_ref().as_integer()) {
            (Some(name), _) => match approvers::uid(name) {
                Ok(uid) => Some(uid),
                Err(message) => {
                    self.refuse(value, key, message, expected);
                    None
                }
            },
            (None, Some(number)) => {
                let uid = u32::from_str_radix(number.as_str(), number.radix()).ok();
                uid.or_else(|| self.refuse_found(value, key, expected))
            }
            (None, None) => self.refuse_found(value, key, expected),
        }
    }
}
