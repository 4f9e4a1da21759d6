//! The freezer of cgroup v2: what stands in it is not stopped as job control knows it, so no shell takes its terminal
//! back, and no SIGCONT wakes it. SIGKILL ends it like anybody else.
//!
//! A session's processes stand in a group `interlock-SESSION.freeze` below the one that each was in; a session of several
//! groups has several. Where a process came from is the directory above: nothing has to be remembered, also for a child
//! that was born inside, or by a daemon that finds the group.

pub mod enclosing;
mod group;
mod hierarchy;
pub mod namespace;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

pub use self::hierarchy::Hierarchy;
use self::{group::Group, hierarchy::name};
use crate::proc::life::has_ended;
use interlock_core::facts::SessionId;

/// How often a group is looked at until everybody has left it: nobody is born in a frozen one.
const ROUNDS: u32 = 8;

/// The groups that stand, by their sessions' names.
#[derive(Default)]
pub struct Freezer {
    /// `None`: there is no cgroup v2, or it cannot be looked at.
    hierarchy: Option<Hierarchy>,
    own: BTreeMap<String, BTreeSet<PathBuf>>,
    /// Found at the start, and nobody's so far.
    found: BTreeMap<String, BTreeSet<PathBuf>>,
    /// To be removed as soon as the last process has left.
    leaving: BTreeSet<PathBuf>,
}

/// How everybody was let out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Processes that are where they came from, or run where they are.
    pub processes: BTreeSet<u32>,
    /// Processes of a group that can neither be left nor be thawed.
    pub standing: Vec<u32>,
}

impl Freezer {
    /// The freezer of this machine, with the groups that an earlier daemon left.
    #[must_use]
    pub fn find() -> Self {
        let hierarchy = match Hierarchy::of_this_machine() {
            Ok(hierarchy) => Some(hierarchy),
            Err(error) => {
                // Fails over: a freeze is SIGSTOP then, and says so.
                tracing::warn!(%error, "there is no freezer of cgroup v2; a freeze stops by signal, and shells see it");
                None
            }
        };
        let found = hierarchy.as_ref().map(Hierarchy::freezers).unwrap_or_default();
        Self { hierarchy, found, ..Self::default() }
    }

    /// Groups that were found under the session's name are the session's.
    pub fn claim(&mut self, session: SessionId) {
        if let Some(groups) = self.found.remove(&name(session)) {
            self.own.entry(name(session)).or_default().extend(groups);
        }
    }

    /// Groups that were found, somebody is in, and nobody has claimed. Those that nobody is in, of a session whose root has
    /// ended, are removed.
    pub fn unclaimed(&mut self) -> Vec<PathBuf> {
        let mut inhabited = Vec::new();
        for (session, groups) in std::mem::take(&mut self.found) {
            for group in groups.into_iter().map(Group::new) {
                // One that cannot be read is gone, or is told rather than removed.
                let inside = group.processes();
                if inside.as_ref().err().is_some_and(has_ended) {
                    continue;
                }
                if !inside.is_ok_and(|processes| processes.is_empty()) {
                    inhabited.push(group.directory().to_path_buf());
                } else if hierarchy::root_has_ended(&session) {
                    self.leaving.insert(group.directory().to_path_buf());
                }
            }
        }
        self.sweep();
        inhabited
    }

    /// Groups of other sessions that were claimed are removed, if nobody is in them.
    pub fn keep(&mut self, sessions: &[SessionId]) {
        let names: BTreeSet<String> = sessions.iter().map(|id| name(*id)).collect();
        let over: Vec<String> = self.own.keys().filter(|known| !names.contains(*known)).cloned().collect();
        for session in over {
            let groups = self.own.remove(&session).unwrap_or_default();
            self.found.entry(session).or_default().extend(groups);
        }
    }

    /// Everybody who stands in the session's groups.
    #[must_use]
    pub fn processes(&self, session: SessionId) -> Vec<u32> {
        self.groups(session).iter().flat_map(|group| group.processes().unwrap_or_default()).collect()
    }

    /// The directories of the session's groups.
    #[must_use]
    pub fn directories(&self, session: SessionId) -> Vec<PathBuf> {
        self.own.get(&name(session)).into_iter().flatten().cloned().collect()
    }

    /// Whether the process is in one of the session's groups.
    #[must_use]
    pub fn holds(&self, session: SessionId, pid: u32) -> bool {
        let directory = self.hierarchy.as_ref().and_then(|known| known.directory_of(pid).ok());
        let groups = self.own.get(&name(session));
        directory.is_some_and(|directory| groups.is_some_and(|groups| groups.contains(&directory)))
    }

    /// Whether the kernel says that everybody in the session's groups stands.
    #[must_use]
    pub fn stands(&self, session: SessionId) -> bool {
        self.groups(session).iter().all(Group::stands)
    }

    /// Lets everybody go back to where they came from. Who cannot (the group above takes none any more) runs where it is.
    pub fn release(&mut self, session: SessionId) -> Released {
        let mut released = Released::default();
        for group in self.own.remove(&name(session)).into_iter().flatten().map(Group::new) {
            let out = (0..ROUNDS).find_map(|_| group.move_up(&mut released.processes).transpose());
            match out {
                Some(Ok(())) => {}
                stuck => {
                    let why = stuck.and_then(Result::err).map(|error| error.to_string());
                    let group_name = group.directory().display();
                    tracing::warn!(%session, group = %group_name, why, "not everybody can leave the frozen group; it is thawed as it stands");
                    let inside = group.processes().unwrap_or_default();
                    match group.freeze(false) {
                        Ok(()) => released.processes.extend(inside),
                        Err(error) => {
                            tracing::error!(%session, group = %group_name, %error, "the group cannot be thawed: write 0 into its cgroup.freeze");
                            released.standing.extend(inside);
                        }
                    }
                }
            }
            self.leaving.insert(group.directory().to_path_buf());
        }
        self.sweep();
        released
    }

    /// Removes the groups that everybody has left.
    pub fn sweep(&mut self) {
        self.leaving.retain(|directory| match std::fs::remove_dir(directory) {
            Ok(()) => false,
            Err(error) => error.kind() != io::ErrorKind::NotFound, // busy: somebody is ending in it
        });
    }

    /// Whether groups are to be removed that somebody is still in.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn groups(&self, session: SessionId) -> Vec<Group> {
        self.directories(session).into_iter().map(Group::new).collect()
    }
}

#[cfg(test)]
mod tests;
