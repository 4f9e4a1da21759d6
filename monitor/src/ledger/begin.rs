//! How a ledger begins after a start or a change, now or when it can.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::fdatasync;

use super::{
    aside::set_aside,
    chain::Head,
    pending::{Pending, Start},
    rotation::Rotation,
    state::Ledger,
};
use crate::logfile::Change;

impl Ledger {
    pub(super) fn dir(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// Puts the end of the file in order, joins it to the files before, and compares it with what was kept.
    pub(super) fn begin(&mut self, start: Start) -> io::Result<()> {
        self.begun(&start).inspect_err(|_| {
            self.pending.get_or_insert(Pending::Start(start));
        })
    }

    fn begun(&mut self, start: &Start) -> io::Result<()> {
        let dir = self.dir();
        if !start.is_broken {
            if let Some(torn) = set_aside(&dir, &self.file, self.length, self.head)? {
                self.torn = Some(torn);
            }
            if self.head == Head::START {
                self.go_on_after_others(&dir, start.before.seq())?;
            }
        }
        self.compare(&dir, start)?;
        // What a process left that was killed may be on no disk yet.
        fdatasync(&self.file)?;
        self.keep_head();
        Ok(())
    }

    /// Does what could not be done before.
    pub(super) fn catch_up(&mut self) -> io::Result<()> {
        match self.pending.take() {
            None => Ok(()),
            Some(Pending::Start(start)) => self.begin(start),
            Some(Pending::Changed(change, moved_to)) => self.go_on_anew(change, moved_to),
        }
    }

    /// Moves what was cut or rewritten aside, and goes on in a new file.
    pub(super) fn go_on_anew(&mut self, change: Change, moved_to: Option<PathBuf>) -> io::Result<()> {
        self.pending = Some(Pending::Changed(change, moved_to.clone()));
        let moved_to = match moved_to {
            Some(moved_to) => Some(moved_to),
            None => self.set_rest_aside()?,
        };
        self.pending = Some(Pending::Changed(change, moved_to.clone()));
        let (file, length) = self.next_file()?;
        let rotation = Rotation { change, moved_to, after: self.head };
        self.go_on(file, length, &rotation)?;
        self.rotations.push(rotation);
        self.pending = None;
        Ok(())
    }
}
