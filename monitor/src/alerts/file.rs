//! `events.jsonl`: one event a line, bounded in size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde_json::Value;

const NAME: &str = "events.jsonl";
const OLDER: &str = "events.jsonl.1";

/// The file, opened again after a failure.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    older: PathBuf,
    limit: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl EventFile {
    pub(super) fn open(dir: &Path, limit: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(NAME);
        let open = Some(Open::at(&path)?);
        Ok(Self { path, older: dir.join(OLDER), limit, open })
    }

    /// Writes one line. Where that would make the file larger than the limit, a new file is begun first; a single event
    /// beyond the limit is written all the same.
    pub(super) fn append(&mut self, event: &Value) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
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
}

impl Open {
    /// Ends the last line where an earlier write was interrupted, so that only that one is spoilt.
    fn at(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
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

    fn text(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap()
    }

    #[test]
    fn a_full_file_becomes_the_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = EventFile::open(dir.path(), 8).unwrap();
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
        EventFile::open(dir.path(), 12).unwrap().append(&json!(1)).unwrap();
        assert_eq!(text(dir.path(), NAME), "{\"cut\n1\n");
        EventFile::open(dir.path(), 9).unwrap().append(&json!(2)).unwrap();
        assert_eq!(text(dir.path(), OLDER), "{\"cut\n1\n");
        assert_eq!(text(dir.path(), NAME), "2\n");
    }

    #[test]
    fn writing_goes_on_after_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = EventFile::open(dir.path(), 4).unwrap();
        file.append(&json!(11)).unwrap();
        fs::create_dir(dir.path().join(OLDER)).unwrap();
        assert!(file.append(&json!(22)).is_err(), "a directory is in the way");
        fs::remove_dir(dir.path().join(OLDER)).unwrap();
        file.append(&json!(33)).unwrap();
        assert_eq!(text(dir.path(), OLDER), "11\n");
        assert_eq!(text(dir.path(), NAME), "33\n");
    }
}
