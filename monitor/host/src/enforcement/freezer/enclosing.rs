//! Moving a session's processes in: one group of theirs below each group that they are in.

use std::{
    collections::HashMap,
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
use crate::proc::life::has_ended;
use interlock_core::facts::SessionId;

/// The groups of a freeze under way.
pub struct Enclosing<'a> {
    freezer: &'a mut Freezer,
    /// Of the session's groups.
    name: String,
    session: SessionId,
    origins: Vec<Origin>,
    /// The origin of each process: one read tells it of everybody who has the same.
    listed: HashMap<u32, usize>,
}

/// A group that members are in.
struct Origin {
    directory: PathBuf,
    below: Below,
}

/// What stands below a group.
enum Below {
    /// The group stands itself: it is the session's, and its members were born inside, or are an earlier daemon's.
    Itself,
    Door(File),
    /// Nothing can; the error's number.
    Nothing(i32),
}

impl<'a> Enclosing<'a> {
    /// A pass of moving in: what it finds out about groups holds for all of it.
    pub fn new(freezer: &'a mut Freezer, session: SessionId) -> Self {
        Self { freezer, name: name(session), session, origins: Vec::new(), listed: HashMap::new() }
    }

    /// Moves a process in; it stands from then on, and what it has under way goes on after the thaw.
    ///
    /// # Errors
    /// It has ended (see [`has_ended`]), or nothing can stand below its group: it is one of threads (`EOPNOTSUPP`), takes
    /// no more groups (`EAGAIN`), or may not be written to.
    pub fn take(&mut self, pid: u32) -> io::Result<()> {
        let origin = self.origin_of(pid)?;
        match self.origins.get_mut(origin).map(|origin| &mut origin.below) {
            Some(Below::Door(door)) => enter(door, pid),
            Some(Below::Nothing(number)) => Err(io::Error::from_raw_os_error(*number)),
            Some(Below::Itself) | None => Ok(()),
        }
    }

    /// Whether the process stands in one of the session's groups without having been moved: it was born there.
    pub fn is_inside(&mut self, pid: u32) -> bool {
        let origin = self.origin_of(pid).ok().and_then(|origin| self.origins.get(origin));
        origin.is_some_and(|origin| matches!(origin.below, Below::Itself))
    }

    /// The number was given to somebody else while it was moved: out again.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub fn put_back(&mut self, pid: u32) -> io::Result<()> {
        let from = self.listed.get(&pid).and_then(|origin| self.origins.get(*origin));
        let Some(Origin { directory, below: Below::Door(_) }) = from else { return Ok(()) };
        match enter(&mut Group::door(directory)?, pid) {
            Err(error) if !has_ended(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether everybody who was moved in stands.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.freezer.stands(self.session)
    }

    fn origin_of(&mut self, pid: u32) -> io::Result<usize> {
        if let Some(origin) = self.listed.get(&pid) {
            return Ok(*origin);
        }
        let hierarchy = self.freezer.hierarchy.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let directory = hierarchy.directory_of(pid)?;
        let known = self.origins.iter().position(|origin| origin.directory == directory);
        let origin = known.unwrap_or_else(|| self.discover(directory));
        self.listed.insert(pid, origin);
        Ok(origin)
    }

    fn discover(&mut self, directory: PathBuf) -> usize {
        let origin = self.origins.len();
        let below = self.below(&directory).unwrap_or_else(|error| Below::Nothing(number_of(&error)));
        let members = processes(&directory).unwrap_or_default(); // one of threads lists none
        self.listed.extend(members.into_iter().map(|pid| (pid, origin)));
        self.origins.push(Origin { directory, below });
        origin
    }

    fn below(&mut self, directory: &Path) -> io::Result<Below> {
        if directory.file_name().is_some_and(|last| *last == *self.name) {
            let group = Group::new(directory.to_path_buf());
            group.freeze(true)?; // somebody may have thawed it meanwhile
            self.keep(directory);
            return Ok(Below::Itself);
        }
        let group = Group::make(directory, &self.name)?;
        self.keep(group.directory());
        Ok(Below::Door(Group::door(group.directory())?))
    }

    fn keep(&mut self, directory: &Path) {
        self.freezer.leaving.remove(directory);
        self.freezer.own.entry(self.name.clone()).or_default().insert(directory.to_path_buf());
    }
}

/// A directory that is gone (`ENOENT`) must not read as a process that has ended.
fn number_of(error: &io::Error) -> i32 {
    let number = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    if has_ended(error) { Errno::NODEV.raw_os_error() } else { number }
}
