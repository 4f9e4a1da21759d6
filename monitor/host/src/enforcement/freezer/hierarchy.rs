//! Where groups are: the mount of cgroup v2, the group of a process, and what stands somewhere below the mount.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::mountinfo;
use interlock_core::facts::SessionId;

const PREFIX: &str = "interlock-";
const SUFFIX: &str = ".freeze";

/// The name of a session's groups: `interlock-30182-b4e10.freeze`.
pub(super) fn name(session: SessionId) -> String {
    format!("{PREFIX}{session}{SUFFIX}")
}

/// Whether the root of the session that a group is named after has ended.
pub(super) fn root_has_ended(name: &str) -> bool {
    let root = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
    root.and_then(|root| root.parse::<u32>().ok())
        .is_none_or(|root| !Path::new("/proc").join(root.to_string()).exists())
}

/// A mount of cgroup v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    mount: PathBuf,
    /// The group that the mount shows at its top, as `/proc/PID/cgroup` writes it.
    root: PathBuf,
}

impl Hierarchy {
    /// One whose mount shows all groups.
    #[cfg(test)]
    pub(super) fn at(mount: &Path) -> Self {
        Self { mount: mount.into(), root: "/".into() }
    }

    /// # Errors
    /// `/proc` cannot be read, or no cgroup v2 is mounted.
    pub fn of_this_machine() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let found = mountinfo::cgroup2(&mounts);
        let (mount, root) = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Self { mount, root })
    }

    /// The directory of the group that a process is in.
    ///
    /// # Errors
    /// The process has ended, or its group is none that the mount shows (`Unsupported`).
    pub fn directory_of(&self, pid: u32) -> io::Result<PathBuf> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let group = of_version_2(&text).ok_or(io::ErrorKind::Unsupported)?;
        self.directory(&group).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// A group that lies outside of the daemon's cgroup namespace begins with `/..`.
    fn directory(&self, group: &Path) -> Option<PathBuf> {
        let below = group.strip_prefix(&self.root).ok()?;
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| if below.as_os_str().is_empty() { self.mount.clone() } else { self.mount.join(below) })
    }

    /// Every group that is named like a frozen session's, by that name. What cannot be read is gone.
    pub fn freezers(&self) -> BTreeMap<String, BTreeSet<PathBuf>> {
        let mut found: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
        let mut open = vec![self.mount.clone()];
        while let Some(directory) = open.pop() {
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                let name = entry.file_name().into_string().unwrap_or_default();
                if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
                    found.entry(name).or_default().insert(entry.path());
                }
                open.push(entry.path());
            }
        }
        found
    }
}

/// `0::/user.slice/session-2.scope`: the line of version 2 in `/proc/PID/cgroup`. A group that was removed is marked, and
/// has no directory.
fn of_version_2(text: &str) -> Option<PathBuf> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    (!path.ends_with(" (deleted)")).then(|| path.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(root: &str) -> Hierarchy {
        Hierarchy { mount: "/sys/fs/cgroup".into(), root: root.into() }
    }

    #[test]
    fn the_group_of_version_2_is_found_among_those_of_version_1() {
        let text = "9:name=systemd:/x\n4:memory:/a/b\n0::/user.slice/a b.scope\n";
        assert_eq!(of_version_2(text), Some("/user.slice/a b.scope".into()));
        assert_eq!(of_version_2("4:memory:/a/b\n"), None);
        assert_eq!(of_version_2("0::/gone.scope (deleted)\n"), None);
    }

    #[test]
    fn a_group_is_looked_for_below_what_the_mount_shows() {
        let directory = |root: &str, group: &str| hierarchy(root).directory(Path::new(group));
        assert_eq!(directory("/", "/"), Some("/sys/fs/cgroup".into()));
        assert_eq!(directory("/", "/a/b"), Some("/sys/fs/cgroup/a/b".into()));
        assert_eq!(directory("/a", "/a/b"), Some("/sys/fs/cgroup/b".into()));
        assert_eq!(directory("/a", "/ab"), None, "the mount does not show it");
        assert_eq!(directory("/", "/../other"), None, "outside of the namespace");
    }

    #[test]
    fn a_group_is_named_after_its_session_and_its_root() {
        let id = SessionId(monitor_common::label::session_id(std::process::id(), 5_000_000));
        let own = name(id);
        assert_eq!(own, format!("interlock-{id}.freeze"));
        assert!(!root_has_ended(&own));
        assert!(root_has_ended("interlock-4294967295-00000.freeze"));
        assert!(root_has_ended("interlock-.freeze"));
    }
}
