//! Moving a session's processes in: one group of theirs below each group that they are in.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::{
    Freezer,
    group::{Group, enter, processes},
    hierarchy::name,
};
use crate::{facts::SessionId, sessions::life::has_ended};

/// The groups of a freeze under way.
pub struct Enclosing<'a> {
    freezer: &'a mut Freezer,
    session: SessionId,
    /// The directory of the group that each process is in: one read tells it of all of them.
    listed: HashMap<u32, PathBuf>,
    /// What stands below each group; the error's number where nothing can.
    doors: HashMap<PathBuf, Result<File, i32>>,
}

impl<'a> Enclosing<'a> {
    pub(super) fn new(freezer: &'a mut Freezer, session: SessionId) -> Self {
        Self { freezer, session, listed: HashMap::new(), doors: HashMap::new() }
    }

    /// Moves a process in; it stands from then on, and what it has under way goes on after the thaw.
    ///
    /// # Errors
    /// It has ended (see [`has_ended`]), or nothing can stand below its group: it is one of threads (`EOPNOTSUPP`), takes
    /// no more groups (`EAGAIN`), or may not be written to.
    pub fn take(&mut self, pid: u32) -> io::Result<()> {
        let directory = self.directory_of(pid)?;
        if directory.file_name().is_some_and(|last| *last == *name(self.session)) {
            return self.take_again(directory);
        }
        let door = match self.doors.entry(directory) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let opened = open(&mut *self.freezer, self.session, unknown.key());
                unknown.insert(opened.map_err(|error| number_of(&error)))
            }
        };
        match door {
            Ok(door) => enter(door, pid),
            Err(number) => Err(io::Error::from_raw_os_error(*number)),
        }
    }

    /// It stands already: born inside, or an earlier daemon's. Somebody may have thawed the group meanwhile.
    fn take_again(&mut self, directory: PathBuf) -> io::Result<()> {
        let groups = self.freezer.own.entry(name(self.session)).or_default();
        self.freezer.leaving.remove(&directory);
        if groups.insert(directory.clone()) || !Group::new(directory.clone()).stands() {
            Group::new(directory).freeze(true)?;
        }
        Ok(())
    }

    /// The number was given to somebody else while it was moved: out again.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub fn put_back(&mut self, pid: u32) -> io::Result<()> {
        let Some(from) = self.listed.get(&pid) else { return Ok(()) };
        match enter(&mut Group::door(from)?, pid) {
            Err(error) if !has_ended(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether everybody who was moved in stands.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.freezer.stands(self.session)
    }

    fn directory_of(&mut self, pid: u32) -> io::Result<PathBuf> {
        if let Some(directory) = self.listed.get(&pid) {
            return Ok(directory.clone());
        }
        let hierarchy = self.freezer.hierarchy.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let directory = hierarchy.directory_of(pid)?;
        if !self.doors.contains_key(&directory) {
            let others = processes(&directory).unwrap_or_default(); // one of threads lists none
            self.listed.extend(others.into_iter().map(|other| (other, directory.clone())));
        }
        self.listed.insert(pid, directory.clone());
        Ok(directory)
    }
}

/// A directory that is gone (`ENOENT`) must not read as a process that has ended.
fn number_of(error: &io::Error) -> i32 {
    let number = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    if has_ended(error) { Errno::NODEV.raw_os_error() } else { number }
}

/// Makes the session's group below `above`, and opens it.
fn open(freezer: &mut Freezer, session: SessionId, above: &Path) -> io::Result<File> {
    let group = Group::make(above, &name(session))?;
    let directory = group.directory().to_path_buf();
    freezer.leaving.remove(&directory);
    let door = Group::door(&directory);
    freezer.own.entry(name(session)).or_default().insert(directory);
    door
}
