//! `events.jsonl`: one event a line, bounded in size, and begun anew where another program took it away.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::logfile::{self, Change, Changes};

/// How often it is looked whether the file still lies where it belongs, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// In the state directory.
pub const NAME: &str = "events.jsonl";
const OLDER: &str = "events.jsonl.1";

/// The file, opened again after a failure.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    older: PathBuf,
    limit: u64,
    open: Option<Open>,
    looked: Instant,
    changes: Arc<Changes>,
    /// A new file could not be opened, and that was said.
    stuck: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl EventFile {
    pub(super) fn open(dir: &Path, limit: u64, changes: Arc<Changes>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(NAME);
        let open = Some(Open::at(&path)?);
        let (older, looked) = (dir.join(OLDER), Instant::now());
        Ok(Self { path, older, limit, open, looked, changes, stuck: false })
    }

    /// Writes one line. Where that would make the file larger than the limit, a new file is begun first; a single event
    /// beyond the limit is written all the same.
    pub(super) fn append(&mut self, event: &Value) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look();
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::at(&self.path)?,
        };
        if open.size > 0 && open.size + line.len() as u64 > self.limit {
            fs::rename(&self.path, &self.older)?;
            open = Open::at(&self.path)?;
        }
        open.file.write_all(&line)?;
        open.size += line.len() as u64;
        self.open = Some(open);
        Ok(())
    }

    /// Notices what another program did to the file, and goes on in a new one where this one was taken away.
    ///
    /// Fails open: where no new file can be opened, the old one is written on, and that is said.
    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        let Some(open) = &mut self.open else { return };
        let path = &self.path;
        let changed = logfile::change(&open.file, path, open.size).and_then(|change| {
            match change {
                None => {}
                // What is appended goes to the end that the file has now.
                Some(Change::Truncated | Change::Rewritten) => *open = Open::of(open.file.try_clone()?)?,
                Some(Change::Renamed | Change::Removed) => {
                    *open = Open::of(logfile::open_like(path, &open.file)?)?;
                }
            }
            Ok(change)
        });
        match changed {
            Ok(change) => {
                self.stuck = false;
                let Some(change) = change else { return };
                self.changes.count(change);
                tracing::warn!(path = %path.display(), "the file of events was {change} by another program; it goes on");
            }
            Err(error) => {
                if !std::mem::replace(&mut self.stuck, true) {
                    tracing::error!(path = %path.display(), %error, "the file of events was taken away and cannot be begun anew");
                }
            }
        }
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        Self::of(OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?)
    }

    /// Ends the last line where an earlier write was interrupted, so that only that one is spoilt.
    fn of(mut file: File) -> io::Result<Self> {
        let mut size = file.metadata()?.len();
        if let Some(last) = size.checked_sub(1) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, last)?;
            if byte != *b"\n" {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        Ok(Self { file, size })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn open(dir: &Path, limit: u64) -> io::Result<EventFile> {
        EventFile::open(dir, limit, Arc::default())
    }

    fn text(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap()
    }

    #[test]
    fn a_full_file_becomes_the_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), 8).unwrap();
        for event in [json!(111), json!(222), json!(333), json!("longer than eight"), json!(4)] {
            file.append(&event).unwrap();
        }
        assert_eq!(text(dir.path(), OLDER), "\"longer than eight\"\n");
        assert_eq!(text(dir.path(), NAME), "4\n");
    }

    #[test]
    fn the_size_counts_across_restarts_and_an_interrupted_line_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), "{\"cut").unwrap();
        open(dir.path(), 12).unwrap().append(&json!(1)).unwrap();
        assert_eq!(text(dir.path(), NAME), "{\"cut\n1\n");
        open(dir.path(), 9).unwrap().append(&json!(2)).unwrap();
        assert_eq!(text(dir.path(), OLDER), "{\"cut\n1\n");
        assert_eq!(text(dir.path(), NAME), "2\n");
    }

    #[test]
    fn writing_goes_on_after_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), 4).unwrap();
        file.append(&json!(11)).unwrap();
        fs::create_dir(dir.path().join(OLDER)).unwrap();
        assert!(file.append(&json!(22)).is_err(), "a directory is in the way");
        fs::remove_dir(dir.path().join(OLDER)).unwrap();
        file.append(&json!(33)).unwrap();
        assert_eq!(text(dir.path(), OLDER), "11\n");
        assert_eq!(text(dir.path(), NAME), "33\n");
    }

    /// As if the last look had been a second ago.
    fn after_a_second(file: &mut EventFile) -> &mut EventFile {
        file.looked -= LOOK_EVERY;
        file
    }

    #[test]
    fn a_file_that_was_renamed_or_removed_is_begun_anew_at_the_next_look() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), 1000).unwrap();
        file.append(&json!(1)).unwrap();
        fs::rename(dir.path().join(NAME), dir.path().join("events.jsonl-1")).unwrap();
        file.append(&json!(2)).unwrap(); // within the second: into the one that was renamed, where it is found
        after_a_second(&mut file).append(&json!(3)).unwrap();
        assert_eq!(text(dir.path(), "events.jsonl-1"), "1\n2\n");
        assert_eq!(text(dir.path(), NAME), "3\n");
        fs::remove_file(dir.path().join(NAME)).unwrap();
        after_a_second(&mut file).append(&json!(4)).unwrap();
        assert_eq!(text(dir.path(), NAME), "4\n");
        let changes: Vec<_> = file.changes.totals().map(|(_, count)| count).collect();
        assert_eq!(changes, [1, 1, 0, 0]);
    }

    #[test]
    fn a_file_that_was_cut_is_written_on_from_its_new_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), 20).unwrap();
        file.append(&json!("0123456789")).unwrap();
        let cut = OpenOptions::new().write(true).open(dir.path().join(NAME)).unwrap();
        cut.set_len(0).unwrap();
        after_a_second(&mut file).append(&json!("0123456789")).unwrap();
        assert_eq!(text(dir.path(), NAME), "\"0123456789\"\n", "the size counts anew too");
        assert!(!dir.path().join(OLDER).exists());
        assert_eq!(file.changes.totals().nth(2), Some((Change::Truncated, 1)));
    }

    #[test]
    fn where_no_new_file_can_be_made_the_old_one_is_written_on() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut file = open(&state, 1000).unwrap();
        fs::rename(&state, dir.path().join("elsewhere")).unwrap();
        after_a_second(&mut file).append(&json!(1)).unwrap();
        assert_eq!(text(&dir.path().join("elsewhere"), NAME), "1\n");
        fs::create_dir(&state).unwrap();
        after_a_second(&mut file).append(&json!(2)).unwrap();
        assert_eq!(text(&state, NAME), "2\n");
    }
}
