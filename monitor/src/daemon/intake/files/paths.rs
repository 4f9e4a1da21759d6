//! Where an opened file stands, and who else can be asked about it.

use std::path::{Path, PathBuf};

use monitor_common::event::file::{self, Names, Open};

use crate::daemon::context::surveying::Surveying;
use interlock_core::{
    facts::{BootNanos, SessionId},
    sessions::Registry,
    strings::text,
};
use interlock_host::{
    probes::{Maps, inode::MountCache},
    proc::root,
};

/// Processes through which a file is looked at again.
const VIEWERS_MAX: usize = 4;

/// Processes through which a reader's file is looked at: it may have ended, and the others see the same file, or none.
pub fn viewers(sessions: &Registry, id: SessionId, pid: u32) -> Vec<u32> {
    let others = sessions.pids(id, id.root()).into_iter().take(VIEWERS_MAX);
    std::iter::once(pid).chain(others).collect()
}

/// The opened file's path as the process sees its mounts, else as the session's root does, or did when it was looked at;
/// and what it was called where the session began, if that differs and who was looked at has left that view since.
pub fn called(
    surveying: &mut Surveying,
    pid: u32,
    id: SessionId,
    dev: u32,
    path: &Names,
) -> (String, Option<String>) {
    let inside = match inside(path) {
        Ok(inside) => inside,
        Err(end) => return (end, None),
    };
    // One look gives path and view: a reader that ends meanwhile must not be told from one that stayed.
    let seen = [pid, id.root()].into_iter().find_map(|pid| {
        let (view, mounts) = surveying.mounts.look(pid)?;
        Some((mounts.path(dev, &inside)?, view))
    });
    let around = surveying.surroundings.get(&id);
    let real = seen.as_ref().zip(around).and_then(|((path, view), around)| {
        around.origin.path_for(view, dev, &inside).filter(|real| real != path)
    });
    let remembered = || around?.mounts.path(dev, &inside);
    let path = seen.map(|(path, _)| path).or_else(remembered).unwrap_or(inside);
    (path.to_string_lossy().into_owned(), real.map(|real| real.to_string_lossy().into_owned()))
}

/// Whether a file that the kernel calls foreign lies in a tree of the session's that the kernel did not know: another one
/// of its project, or the workspace while its root was being looked for. What a session moved there from elsewhere does
/// not belong to it, so every directory up to the tree's root is looked at, through a process that sees it, without
/// waiting for any file system. Fails closed: what cannot be looked at so stays foreign.
pub fn is_own(maps: &Maps, sessions: &Registry, mounts: &mut MountCache, open: &Open, path: &str) -> bool {
    let (pid, id, key) = (open.header.tgid, SessionId(open.header.session), open.file);
    let (path, at) = (Path::new(path), BootNanos(open.header.at_ns));
    let mut trees = sessions.get(id).into_iter().flat_map(|session| session.trees_unknown_at(at));
    let Some(tree) = trees.find(|tree| path.starts_with(tree)) else { return false };
    let viewers = viewers(sessions, id, pid);
    open.matched == file::matched::NAME
        && viewers.into_iter().any(|pid| {
            let Some(mounts) = mounts.of(pid) else { return false };
            let identity = |path: &Path| {
                let file = root::known(pid, path).ok()?;
                mounts.identify(&root::descriptor(&file)).ok()
            };
            let mut above = path.ancestors().skip(1).take_while(|directory| directory.starts_with(tree));
            identity(path) == Some(key)
                && above.all(|directory| identity(directory).is_some_and(|key| !maps.was_moved(key)))
        })
}

/// Where a file stands in its file system; its end, `…/NAMES`, where that is deeper than the kernel looked.
fn inside(path: &Names) -> Result<PathBuf, String> {
    let used = (path.components as usize).min(file::COMPONENTS);
    let names: Vec<String> = path.names.iter().take(used).rev().map(|name| text(name)).collect();
    if path.complete == 0 {
        Err(format!("…/{}", names.join("/")))
    } else {
        Ok(Path::new("/").join(names.join("/")))
    }
}
