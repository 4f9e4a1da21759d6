//! Letters as files, each replaced as a whole: a new daemon finds either the old or the new one, never half of it.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::letter::Letter;

const HALF: &str = "half";

pub(super) struct Store {
    dir: PathBuf,
    failed: u64,
}

impl Store {
    /// With the letters that are there, and how many bytes each has. One that makes no sense is moved aside, and said.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Vec<(Letter, u64)>)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let store = Self { dir: dir.to_owned(), failed: 0 };
        let mut letters = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read(&path)?;
            match serde_json::from_slice::<Letter>(&text) {
                Ok(letter) if store.path(letter.number) == path => letters.push((letter, text.len() as u64)),
                _ => {
                    let aside = path.with_extension("unreadable");
                    let moved = fs::rename(&path, &aside);
                    tracing::error!(path = %aside.display(), ?moved, "a message that waits to be told makes no sense; kept aside");
                }
            }
        }
        letters.sort_by_key(|(letter, _)| letter.number);
        Ok((store, letters))
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Fails open: what cannot be written is told all the same, as long as this daemon lives; counted.
    pub(super) fn write(&mut self, letter: &Letter) -> u64 {
        let text = serde_json::to_vec(letter).unwrap_or_default();
        if let Err(error) = self.replace(&self.path(letter.number), &text) {
            if self.failed == 0 {
                tracing::error!(path = %self.dir.display(), %error, "messages to be told cannot be kept on disk; further failures are only counted");
            }
            self.failed += 1;
        }
        text.len() as u64
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Err(error) = fs::remove_file(self.path(number))
            && error.kind() != io::ErrorKind::NotFound
        {
            self.failed += 1;
            tracing::error!(number, %error, "a message that was told cannot be removed; after a restart it may be told again");
        }
    }

    /// Not brought to the disk: a power cut ends what waits as well.
    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let half = self.dir.join(HALF);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).open(&half)?.write_all(text)?;
        fs::rename(&half, path)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number}.json"))
    }
}
