//! Programs that only look installed. Whoever has a mount namespace of its own can mount a file of its own over
//! `/usr/bin/aws`; the path then says nothing. So what runs in other mounts than its session's root has the name of an owner
//! tool only where the root sees the same file at the same path, as it does in a sandbox that binds `/usr`.

use std::{fs, io, os::fd::OwnedFd, path::Path};

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};

use crate::daemon::context::surveying::Surveying;
use interlock_core::facts::SessionId;
use interlock_host::proc::{
    procfs, root,
    survey::{self, Namespace},
};

/// A process runs a program, in `namespace`; `None`: it has ended.
pub fn note(surveying: &mut Surveying, id: SessionId, pid: u32, namespace: Option<Namespace>) {
    let home = surveying.surroundings.get(&id).and_then(|around| around.namespace);
    // Fails open for who has ended by then: most of what is short is honest, and a sandbox runs every command elsewhere.
    let elsewhere = home.zip(namespace).is_some_and(|(home, namespace)| home != namespace);
    let is_stranger = elsewhere && !knows_program(id, home, pid);
    surveying.strangers.note(id, pid, is_stranger);
}

fn knows_program(id: SessionId, home: Option<Namespace>, pid: u32) -> bool {
    // The root may have ended; the daemon stands for it where it has the same mounts.
    let viewers = [id.root(), std::process::id()];
    let viewer = viewers.into_iter().find(|pid| survey::namespace(*pid) == home);
    // Fails closed: what nobody can look at is nobody's tool.
    viewer.is_some_and(|viewer| match is_same(viewer, pid) {
        Ok(same) => same,
        // Fails open, as everywhere before Linux 5.12, whose lookups might wait.
        Err(error) => error.kind() == io::ErrorKind::InvalidInput,
    })
}

/// Whether `viewer` sees the program of `pid` at its path.
fn is_same(viewer: u32, pid: u32) -> io::Result<bool> {
    let link = procfs::living(pid).join("exe");
    let path = fs::read_link(&link)?;
    let program = open(&link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    Ok(identity(&program)? == identity(&root::known(viewer, Path::new(&path))?)?)
}

fn identity(file: &OwnedFd) -> io::Result<(u64, u32, u32)> {
    let stat = statx(file, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
    Ok((stat.stx_ino, stat.stx_dev_major, stat.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::context::surveying::strangers::Strangers;

    #[test]
    fn a_program_is_the_same_where_it_is_seen_at_its_path() {
        let own = std::process::id();
        assert!(is_same(own, own).unwrap());
        assert!(is_same(own, u32::MAX).is_err());
        let mut noted = Strangers::default();
        noted.note(SessionId(1), 7, true);
        assert!(noted.contain(SessionId(1), 7) && !noted.contain(SessionId(2), 7));
        noted.note(SessionId(1), 7, false);
        assert!(!noted.contain(SessionId(1), 7));
    }
}
