//! The data files: lists of what the laboratories run.

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

/// Exit code where nothing could be run.
const NOTHING: u8 = 77;

/// One of a list.
pub trait Entry: DeserializeOwned {
    /// What it is called in messages.
    const NOUN: &'static str;

    fn id(&self) -> &str;

    /// What is wrong with it.
    fn problem(&self) -> Option<String>;
}

/// Reads a data file.
///
/// # Errors
/// What is wrong with the text, with its line; every entry that is wrong, not only the first.
pub fn read<T: Entry>(text: &str) -> Result<Vec<T>> {
    let noun = T::NOUN;
    let wrong = format!("the list of {noun}s is wrong");
    let all: Vec<Spanned<T>> = serde_saphyr::from_str(text).with_context(|| wrong.clone())?;
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for entry in &all {
        let (line, entry) = (entry.referenced.line(), &entry.value);
        let id = entry.id();
        problems.extend(entry.problem().map(|why| format!("line {line}: {noun} `{id}`: {why}")));
        if !seen.insert(id) {
            problems.push(format!("line {line}: {noun} `{id}` is there twice"));
        }
    }
    if !problems.is_empty() {
        bail!("{wrong}:\n{}", problems.join("\n"));
    }
    Ok(all.into_iter().map(|entry| entry.value).collect())
}

/// Those that are asked for: of these ids, or all where none is given; with `new` only those that are not known yet.
///
/// # Errors
/// There is none of an id.
pub fn chosen<'a, T: Entry>(
    all: &'a [T],
    only: &[String],
    new: bool,
    is_known: impl Fn(&T) -> bool,
) -> Result<Vec<&'a T>> {
    if let Some(id) = only.iter().find(|id| all.iter().all(|entry| entry.id() != **id)) {
        bail!("there is no {noun} `{id}` in lab/{noun}s.yaml", noun = T::NOUN);
    }
    let wanted =
        |entry: &&T| (only.is_empty() || only.iter().any(|id| id == entry.id())) && !(new && is_known(entry));
    Ok(all.iter().filter(wanted).collect())
}

/// What a laboratory's program answers: whether anything could be run, and whether anything differs.
#[must_use]
pub fn answer(ran: usize, differences: usize) -> ExitCode {
    match (ran, differences) {
        (0, _) => ExitCode::from(NOTHING),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Prints why a laboratory's program could not go on, and answers.
#[must_use]
pub fn exit(ended: Result<ExitCode>) -> ExitCode {
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
