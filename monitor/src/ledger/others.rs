//! Files that a ledger had before.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{chain::Head, state::FILE, tail::Tail};
use crate::logfile::is_compressed;

/// Earlier files of a ledger: `ledger.jsonl-20260425`, `ledger.jsonl.1`.
#[derive(Default)]
pub struct Others {
    pub newest: Option<(PathBuf, Head)>,
    /// Compressed, or not holding together.
    pub unread: Vec<PathBuf>,
}

impl Others {
    pub fn beside(dir: &Path) -> io::Result<Self> {
        let mut others = Self::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_other =
                name.to_str().is_some_and(|name| name.len() > FILE.len() && name.starts_with(FILE));
            if !is_other || !entry.file_type()?.is_file() {
                continue;
            }
            let path = entry.path();
            let open = || File::open(&path).ok().and_then(|mut file| end_of(&mut file));
            let head = if is_compressed(&path) { None } else { open() };
            match head {
                Some(head) if others.newest.as_ref().is_none_or(|(_, newest)| newest.seq < head.seq) => {
                    others.newest = Some((path, head));
                }
                Some(_) => {}
                None => others.unread.push(path),
            }
        }
        Ok(others)
    }
}

/// The head of a file that holds together as far as it is looked at; `None` also where it has no record.
fn end_of(file: &mut File) -> Option<Head> {
    let tail = Tail::read(file).ok()?;
    tail.verify().ok().filter(|head| head.seq > 0)
}
