//! What a bundle says of itself, which is what is signed.
//!
//! ```text
//! interlock-policy/v1
//! name: interlock-defaults
//! serial: 17
//! made: 2026-12-01T10:00:00Z
//! needs: 0.1.0
//! file: 5e88…ab rules.yaml
//! file: 9f86…08 secrets.yaml
//! ```

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::Timestamp;

use super::{CASES, RULES, error::BundleError};
use interlock_core::catalog::{agents, destinations, secrets, workspaces};

const HEAD: &str = "interlock-policy/v1";
/// Files that a bundle may have beside its cases.
pub const FILES: [&str; 5] = [RULES, agents::FILE, secrets::FILE, destinations::FILE, workspaces::FILE];
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Lower-case letters, digits, dashes.
    pub name: String,
    /// Rises with each release, so that an older bundle is known as such.
    pub serial: u64,
    pub made: Timestamp,
    /// The first version of the program that understands it.
    pub needs: String,
    /// SHA-256 in hex, by path.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The text, with a newline at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { name, serial, made, needs, files } = self;
        let mut text = format!("{HEAD}\nname: {name}\nserial: {serial}\nmade: {made}\nneeds: {needs}\n");
        for (path, hash) in files {
            let _ = writeln!(text, "file: {hash} {path}"); // to a string, nothing fails
        }
        text
    }

    /// # Errors
    /// The first line that is not as it should be, no file at all, or a program that is too old for it.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let mut lines = Lines { lines: text.lines().zip(1..) };
        let head = lines.next("")?;
        if head.0 != HEAD {
            return Err(wrong(head.1, format!("found {:?}; expected {HEAD}", head.0)));
        }
        let (name, line) = lines.next("name: ")?;
        if name.is_empty() || !name.bytes().all(is_of_a_name) {
            return Err(wrong(line, "a name has lower-case letters, digits and dashes"));
        }
        let (serial, line) = lines.next("serial: ")?;
        let serial = serial.parse().map_err(|_| wrong(line, "a serial is a whole number"))?;
        let (made, line) = lines.next("made: ")?;
        let made = made.parse().map_err(|_| wrong(line, "expected a time, as 2026-12-01T10:00:00Z"))?;
        let (needs, line) = lines.next("needs: ")?;
        let wanted = version(needs).ok_or_else(|| wrong(line, "expected a version, as 0.1.0"))?;
        if version(VERSION).is_some_and(|here| here < wanted) {
            return Err(BundleError::TooNew { needs: needs.to_owned(), here: VERSION });
        }
        let mut files = BTreeMap::new();
        for (text, line) in lines.lines {
            let (path, hash) = file(text).ok_or_else(|| {
                let allowed = FILES.join(", ");
                wrong(line, format!("expected `file: SHA256 PATH`, PATH one of {allowed}, {CASES}NAME.yaml"))
            })?;
            if files.insert(path.to_owned(), hash.to_owned()).is_some() {
                return Err(wrong(line, format!("{path} is named twice")));
            }
        }
        if !files.keys().any(|path| FILES.contains(&path.as_str())) {
            return Err(BundleError::Empty);
        }
        Ok(Self { name: name.to_owned(), serial, made, needs: needs.to_owned(), files })
    }
}

struct Lines<'t, I: Iterator<Item = (&'t str, usize)>> {
    lines: I,
}

impl<'t, I: Iterator<Item = (&'t str, usize)>> Lines<'t, I> {
    /// What follows `key` in the next line, and the line's number.
    fn next(&mut self, key: &str) -> Result<(&'t str, usize), BundleError> {
        let (text, line) = self.lines.next().ok_or_else(|| wrong(0, format!("it ends before {key:?}")))?;
        let value = text.strip_prefix(key);
        value.map(|value| (value, line)).ok_or_else(|| wrong(line, format!("expected {key:?}")))
    }
}

fn wrong(line: usize, what: impl Into<String>) -> BundleError {
    BundleError::Manifest { line, what: what.into() }
}

fn file(line: &str) -> Option<(&str, &str)> {
    let (hash, path) = line.strip_prefix("file: ")?.split_once(' ')?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hash && may_hold(path)).then_some((path, hash))
}

/// Whether a bundle may have a file of this path.
pub fn may_hold(path: &str) -> bool {
    let case = path.strip_prefix(CASES).and_then(|name| name.strip_suffix(".yaml"));
    FILES.contains(&path) || case.is_some_and(|name| !name.is_empty() && name.bytes().all(is_of_a_name))
}

fn is_of_a_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

/// `1.2.3`, and what follows a dash counts for nothing.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('-').next()?.split('.').map(str::parse);
    let version = [parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?];
    parts.next().is_none().then_some(version)
}
