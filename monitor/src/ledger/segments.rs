//! The files of one ledger in a directory, in the order of their records.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use super::{
    chain::Link,
    lines::{Lines, Read},
    state::FILE,
};
use crate::logfile::is_compressed;

/// Lines of a file that are looked at for its first record.
const FIRST_LINES: usize = 16;

/// What lies in a ledger's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Oldest records first.
    pub files: Vec<PathBuf>,
    /// Files that look like a part of it, and why they are not read as one.
    pub left_out: Vec<(PathBuf, &'static str)>,
}

impl Segments {
    /// Finds `ledger.jsonl`, its earlier files (`ledger.jsonl-20260425`, `ledger.jsonl.1`), and what was left of one that
    /// somebody cut (`ledger.cut-7`).
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn beside(dir: &Path) -> io::Result<Self> {
        let mut found = Vec::new();
        let mut left_out = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            let Some(name) = name.to_str().filter(|name| name.starts_with("ledger.")) else { continue };
            if !entry.file_type()?.is_file() {
                continue;
            }
            match kind(name) {
                Kind::Part if is_compressed(&path) => left_out.push((path, "is compressed; unpack it first")),
                Kind::Part => found.push((first_record(&path), name == FILE, path)),
                Kind::Stray => left_out.push((path, "lay at the ledger's name and was no part of it")),
                Kind::Torn => left_out.push((path, "was never acknowledged as a record")),
                Kind::Other => {}
            }
        }
        // One whose records cannot be read stands before the current one: where it belongs, its faults say.
        found.sort_by_key(|(first, is_current, path)| (first.unwrap_or(u64::MAX), *is_current, path.clone()));
        left_out.sort();
        Ok(Self { files: found.into_iter().map(|(_, _, path)| path).collect(), left_out })
    }
}

enum Kind {
    Part,
    Stray,
    Torn,
    Other,
}

fn kind(name: &str) -> Kind {
    let rest = name.strip_prefix(FILE);
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with(['.', '-', '_']) => Kind::Part,
        _ if name.starts_with("ledger.cut-") => Kind::Part,
        _ if name.starts_with("ledger.stray-") => Kind::Stray,
        _ if name.starts_with("ledger.torn-") => Kind::Torn,
        _ => Kind::Other,
    }
}

/// Number of the first record that can be read.
fn first_record(path: &Path) -> Option<u64> {
    let mut lines = Lines::new(BufReader::new(File::open(path).ok()?));
    for place in 0..FIRST_LINES {
        match lines.next() {
            Ok(Read::Line(line)) => {
                if let Ok((link, ..)) = Link::read(line.strip_suffix(b"\n").unwrap_or(line)) {
                    return Some(link.seq.saturating_sub(place as u64));
                }
            }
            Ok(Read::TooLong) => {}
            Ok(Read::End) | Err(_) => break,
        }
    }
    None
}
