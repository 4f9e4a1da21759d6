//! A ledger whose file another program renamed, removed or cut: the chain goes on in the next file, whose first record says
//! so.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, fdatasync, flock, fsync};

use super::{aside::new_name, chain::Link, others::Others, rotation::Rotation, state::Ledger, tail::Tail};
use crate::logfile::{self, Change};

impl Ledger {
    /// Looks whether the file still lies where it belongs and is as long as it was written; where not, goes on in a new
    /// one, whose first record is of kind [`interlock_core::record::Kind::Rotate`]. Done before every record too.
    ///
    /// # Errors
    /// The system's, where no new file can be begun; the old one is written on then.
    pub fn look(&mut self) -> io::Result<()> {
        if self.unknown {
            return Ok(()); // told by every write; what the file holds, the next start looks at
        }
        if self.pending.is_some() {
            self.catch_up()?;
        }
        let change = match logfile::change(&self.file, &self.path, self.length)? {
            None if self.ends_as_written()? => return Ok(()),
            None => Change::Rewritten,
            Some(change) => change,
        };
        // What was noted belongs to the file before: on the disk, before anything follows it.
        if self.ahead {
            self.sync()?;
        }
        let moved_to = match change {
            Change::Renamed => logfile::present_name(&self.file),
            Change::Removed => None,
            Change::Truncated | Change::Rewritten => return self.go_on_anew(change, None),
        };
        let (file, length) = self.next_file()?;
        let rotation = Rotation { change, moved_to, after: self.head };
        self.go_on(file, length, &rotation)?;
        self.rotations.push(rotation);
        Ok(())
    }

    /// What is left of a file that was cut is evidence, and no place to go on: it is given another name. An empty one is
    /// gone on with.
    pub(super) fn set_rest_aside(&self) -> io::Result<Option<PathBuf>> {
        if self.file.metadata()?.len() == 0 {
            return Ok(None);
        }
        self.move_aside("cut").map(Some)
    }

    fn move_aside(&self, why: &str) -> io::Result<PathBuf> {
        let name = new_name(&self.dir(), &format!("ledger.{why}-{}", self.head.seq + 1))?;
        fs::rename(&self.path, &name)?;
        Ok(name)
    }

    /// The file at the ledger's name, locked, and its length. One that holds other records than ours is moved aside.
    pub(super) fn next_file(&self) -> io::Result<(File, u64)> {
        for _ in 0..2 {
            let mut file = logfile::open_like(&self.path, &self.file)?;
            if self.is_own(&file)? {
                return Ok((self.file.try_clone()?, 0)); // cut to nothing; the lock is that of this opening
            }
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            let tail = Tail::read(&mut file)?;
            let is_empty = tail.end() == 0 && tail.torn.is_empty();
            let ends_like_ours = tail.torn.is_empty() && tail.verify().is_ok_and(|head| head == self.head);
            if is_empty || ends_like_ours {
                return Ok((file, tail.end()));
            }
            let stray = self.move_aside("stray")?;
            tracing::warn!(path = %stray.display(), "a file that does not end like the ledger lay at its name, and was moved aside");
        }
        Err(io::Error::other("somebody else writes at the ledger's name"))
    }

    fn is_own(&self, file: &File) -> io::Result<bool> {
        let (own, other) = (self.file.metadata()?, file.metadata()?);
        Ok((own.dev(), own.ino()) == (other.dev(), other.ino()))
    }

    /// Writes the record that joins both files. Nothing of the ledger has changed where that fails.
    pub(super) fn go_on(&mut self, file: File, length: u64, rotation: &Rotation) -> io::Result<()> {
        let (line, head) = Link::after(self.head, rotation.record())?;
        write_whole(&file, &line)?;
        fdatasync(&file)?;
        // Without this, a power cut could take the file's name with it.
        fsync(File::open(self.dir())?)?;
        (self.file, self.length, self.head) = (file, length + line.len() as u64, head);
        (self.ahead, self.unknown) = (false, false);
        if let Some(tree) = &mut self.tree {
            tree.push(&line);
        }
        self.keep_head();
        if let Err(error) = self.kept.sync() {
            // Fails open: what is behind makes a later start look further back, and no more.
            tracing::error!(%error, "the head that is kept of the ledger is on no disk yet");
        }
        Ok(())
    }

    /// An empty ledger goes on with the newest file of its name's kind beside it: somebody may have renamed it while no
    /// daemon ran. One that ends before the last record that is known of is not gone on with.
    pub(super) fn go_on_after_others(&mut self, dir: &Path, known: u64) -> io::Result<()> {
        let others = Others::beside(dir)?;
        let Some((path, head)) = others.newest.filter(|(_, head)| head.seq >= known) else {
            if !others.unread.is_empty() {
                let files = others.unread.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
                tracing::warn!(
                    files = files.join(", "),
                    "the ledger begins anew, as none of its earlier files can be read"
                );
            }
            return Ok(());
        };
        tracing::info!(path = %path.display(), %head, "the ledger goes on after an earlier file");
        self.head = head;
        let rotation = Rotation { change: Change::Renamed, moved_to: Some(path), after: head };
        self.go_on(self.file.try_clone()?, 0, &rotation)?;
        self.rotations.push(rotation);
        Ok(())
    }
}

/// Takes back what was written of a record that was not written whole.
fn write_whole(file: &File, line: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let before = file.metadata()?.len();
    let mut writer = file;
    writer.write_all(line).inspect_err(|_| {
        // It stays torn otherwise, which whoever opens or verifies it sees.
        let _ = file.set_len(before);
    })
}
