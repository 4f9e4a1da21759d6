//! Credentials in what others wrote, masked before it leaves the daemon: command lines, arguments, URLs.
//!
//! What decides sees the original; what is written down, shown or sent sees what this returns. Kept is all that a person judges
//! by: programs, options, hosts, paths, the names of what is masked, and of a token with a public prefix that prefix and its length
//! (`ghp_…(40)`). Of any other value nothing is kept, as its first characters and its length would help to guess it.
//!
//! It never fails, takes time in proportion to the text, and a second time changes nothing. Fails open: a credential that nothing
//! announces, neither a name nor an option nor a prefix, stays (docs/threat-model.md).

mod assignments;
mod edits;
mod names;
mod options;
mod pem;
#[cfg(test)]
mod tests;
mod tokens;
mod tools;
mod urls;
mod value;

use std::borrow::Cow;

use edits::Edits;

/// Stands for what is masked.
pub const MASK: char = '…';

/// Between the arguments of a command line while they are looked at as one text: no argument contains it.
const NUL: char = '\0';

/// Characters of a command line that people are shown.
const SHOWN: usize = 160;

/// What one pass masked may make another see the rest; no text is known that needs more than three.
const PASSES: usize = 8;

/// Returns a text of words, such as a command line whose arguments are joined, without the credentials in it.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    match settled(text) {
        None => Cow::Borrowed(text),
        Some(masked) => Cow::Owned(masked),
    }
}

/// Returns a program's arguments, its name among them, without the credentials in them: as many as there were.
#[must_use]
pub fn arguments<S: AsRef<str>>(arguments: &[S]) -> Vec<String> {
    let as_they_are = || arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
    let mut joined = String::new();
    for argument in arguments {
        joined.push(NUL);
        // No argument of a process has one; of a file that was tampered with, one may.
        joined.push_str(&argument.as_ref().replace(NUL, " "));
    }
    match settled(&joined) {
        None => as_they_are(),
        Some(masked) => {
            let mut masked: Vec<String> = masked.split(NUL).skip(1).map(str::to_owned).collect();
            masked.resize(arguments.len(), MASK.to_string());
            masked
        }
    }
}

/// A command line as people are shown it: without the credentials in it, and cut. One that was cut before stays as it is.
#[must_use]
pub fn shown(line: &str) -> String {
    cut(text(line).into_owned())
}

/// The same of a program's arguments, its name among them.
#[must_use]
pub fn shown_arguments<S: AsRef<str>>(of: &[S]) -> String {
    cut(arguments(of).join(" "))
}

fn cut(line: String) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}{MASK}", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Masks until nothing is left to mask; `None` where nothing was. Fails closed: a text that does not settle is masked as a whole.
fn settled(text: &str) -> Option<String> {
    let mut masked: Option<String> = None;
    for _ in 0..PASSES {
        match pass(masked.as_deref().unwrap_or(text)) {
            None => return masked,
            next => masked = next,
        }
    }
    Some(text.split(NUL).map(|part| if part.is_empty() { "" } else { "…" }).collect::<Vec<_>>().join("\0"))
}

/// Everything once, the most specific first; `None` where nothing was to be masked.
fn pass(text: &str) -> Option<String> {
    let kinds: [fn(&str) -> Edits; 5] =
        [pem::blocks, urls::credentials, tokens::known, options::values, assignments::values];
    let mut masked: Option<String> = None;
    for find in kinds {
        let now = masked.as_deref().unwrap_or(text);
        if let Some(next) = find(now).apply(now) {
            masked = Some(next);
        }
    }
    masked
}
