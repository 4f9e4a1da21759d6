//! Why a bundle counts for nothing.

use std::io;

use super::{NOTE, RULES};

#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("it is no tar archive: {0}")]
    NoArchive(io::Error),
    #[error("{0:?} in it is no plain file")]
    NoFile(String),
    #[error("{0:?} in it is no UTF-8 text")]
    NoText(String),
    #[error("{0:?} is in it twice")]
    Twice(String),
    #[error("it has more than {0} files")]
    TooMany(usize),
    #[error("it has no {NOTE} that is a signed note (C2SP signed-note)")]
    NoNote,
    #[error("no key that counts here has signed it; those that do: {}", listed(keys))]
    Unsigned { keys: Vec<String> },
    #[error("the signature of {0} does not fit its text: it was changed, or signed with another key")]
    Forged(String),
    #[error("{NOTE}:{line}: {what}")]
    Manifest { line: usize, what: String },
    #[error("{NOTE} names {0:?}, which is not in it")]
    Missing(String),
    #[error("{0:?} is not what {NOTE} says: it was changed")]
    Changed(String),
    #[error("{0:?} is in it, and {NOTE} does not name it, or no bundle may have it")]
    Stray(String),
    #[error("it has no {RULES} and no catalogue")]
    Empty,
    #[error("it is made for Interlock {needs} or later; this is {here}")]
    TooNew { needs: String, here: &'static str },
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}
