//! One group that stands: a directory of cgroup v2, and the few files of it that matter.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::proc::life::has_ended;

pub(super) struct Group {
    directory: PathBuf,
}

impl Group {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes the group below `parent`, and freezes it before anybody is in it.
    ///
    /// # Errors
    /// There is no right to it, no room (`EAGAIN`), or the file system is read-only.
    pub fn make(parent: &Path, name: &str) -> io::Result<Self> {
        let group = Self::new(parent.join(name));
        match fs::create_dir(&group.directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => group.freeze(true)?,
        }
        // As other groups are, whatever the mask of the process: the user's own systemd looks into it.
        if let Err(error) = fs::set_permissions(&group.directory, fs::Permissions::from_mode(0o755)) {
            tracing::warn!(group = %group.directory.display(), %error, "only root can look into the frozen group");
        }
        Ok(group)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// # Errors
    /// The group is gone, or may not be written to.
    pub fn freeze(&self, on: bool) -> io::Result<()> {
        let text = if on { "1" } else { "0" };
        write(&mut OpenOptions::new().write(true).open(self.directory.join("cgroup.freeze"))?, text)
    }

    /// Whether nobody in it runs: the kernel counts a stopped or traced process as one that stands.
    pub fn stands(&self) -> bool {
        let events = fs::read_to_string(self.directory.join("cgroup.events"));
        events.is_ok_and(|events| events.lines().any(|line| line == "frozen 1"))
    }

    /// # Errors
    /// The group is gone, or is one of threads.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        processes(&self.directory)
    }

    /// The file that takes whoever is moved in.
    ///
    /// # Errors
    /// The group is gone, or may not be written to.
    pub fn door(directory: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).open(directory.join("cgroup.procs"))
    }

    /// Moves everybody into the group above, once; `Some` when nobody was left to move. Who was moved is added to `moved`.
    ///
    /// # Errors
    /// Somebody cannot be moved: the group above has given its controllers away meanwhile, most likely.
    pub fn move_up(&self, moved: &mut BTreeSet<u32>) -> io::Result<Option<()>> {
        let inside = match self.processes() {
            Err(error) if has_ended(&error) => return Ok(Some(())), // it was removed by somebody
            inside => inside?,
        };
        if inside.is_empty() {
            return Ok(Some(()));
        }
        let mut door = Self::door(self.directory.parent().unwrap_or(&self.directory))?;
        for pid in inside {
            match enter(&mut door, pid) {
                Ok(()) => _ = moved.insert(pid),
                Err(error) if has_ended(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Everybody in a group, by the kernel's numbers.
pub(super) fn processes(directory: &Path) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(directory.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Moves a process, with all its threads, through the group's open `cgroup.procs`.
///
/// # Errors
/// `ESRCH`: it has ended. `EOPNOTSUPP`, `EBUSY`: the group takes no processes.
pub(super) fn enter(door: &mut File, pid: u32) -> io::Result<()> {
    write(door, &pid.to_string())
}

/// One `write(2)`: the kernel takes a whole value or none.
fn write(file: &mut File, text: &str) -> io::Result<()> {
    match file.write(text.as_bytes()) {
        Ok(written) if written == text.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
        Err(error) => Err(error),
    }
}
