//! Telling two versions of a catalogue apart, entry by entry, without keeping their text.

use std::{collections::BTreeMap, fmt};

use sha2::{Digest as _, Sha256};

use crate::{
    hex::hex,
    yaml::{Node, Section, Value},
};

type Sum = [u8; 32];

/// Sums of a catalogue's text.
#[derive(Debug)]
pub struct Digest {
    whole: Sum,
    /// By the entries' ids.
    entries: BTreeMap<String, Sum>,
}

/// One difference between two versions of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `secrets.yaml`.
    pub file: &'static str,
    /// Id of the entry; `None` for what stands outside of the entries.
    pub entry: Option<String>,
    pub difference: Difference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    Added,
    Removed,
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.difference {
            Difference::Added => "added",
            Difference::Removed => "removed",
            Difference::Changed => "changed",
        };
        match &self.entry {
            Some(entry) => write!(f, "{}: `{entry}` {done}", self.file),
            None => write!(f, "{}: settings, order or comments {done}", self.file),
        }
    }
}

impl Digest {
    /// `lists` are those of the file's fields that hold entries.
    pub fn new(text: &str, file: &Section<'_>, lists: &[&str]) -> Self {
        let lists = lists.iter().filter_map(|list| file.get(list));
        let entries =
            lists.filter_map(|list| if let Value::List(items) = &list.value { Some(items) } else { None });
        let entry = |node: &Node| {
            let entry = node.value.to_json();
            Some((entry.get("id")?.as_str()?.to_owned(), sum(&entry.to_string())))
        };
        Self { whole: sum(text), entries: entries.flatten().filter_map(entry).collect() }
    }

    pub fn changes(&self, file: &'static str, newer: &Self) -> Vec<Change> {
        let ids =
            self.entries.keys().chain(newer.entries.keys().filter(|id| !self.entries.contains_key(*id)));
        let mut changes: Vec<Change> = ids
            .filter_map(|id| {
                let difference = match (self.entries.get(id), newer.entries.get(id)) {
                    (Some(old), Some(new)) if old == new => return None,
                    (Some(_), Some(_)) => Difference::Changed,
                    (Some(_), None) => Difference::Removed,
                    (None, _) => Difference::Added,
                };
                Some(Change { file, entry: Some(id.clone()), difference })
            })
            .collect();
        if changes.is_empty() && self.whole != newer.whole {
            changes.push(Change { file, entry: None, difference: Difference::Changed });
        }
        changes
    }
}

fn sum(text: &str) -> Sum {
    Sha256::digest(text.as_bytes()).into()
}

/// One sum of several, hexadecimal.
pub fn together(digests: &[&Digest]) -> String {
    let mut all = Sha256::new();
    for digest in digests {
        all.update(digest.whole);
    }
    hex(&all.finalize())
}
