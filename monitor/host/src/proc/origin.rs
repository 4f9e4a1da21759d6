//! How a session saw files when it began, before it could mount anything of its own.
//!
//! A path inside a mount that a session made proves nothing: a project's `.env` can be made to lie among a library's files. What
//! is really there is told by the mounts of the session's first moment.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, StatxFlags, StatxTimestamp, statx};

use super::root;
use crate::probes::inode::{MountCache, Mounts, View};

/// The mounts of a session's first moment.
#[derive(Debug, Default)]
pub struct Origin {
    /// `None` where the session's root had ended by then.
    first: Option<(View, Mounts)>,
}

impl Origin {
    #[must_use]
    pub fn of(pid: u32, mounts: &mut MountCache) -> Self {
        Self { first: mounts.look(pid).map(|(view, mounts)| (view, mounts.clone())) }
    }

    /// Whether the process sees files as the session did when it began.
    #[must_use]
    pub fn is_shared_by(&self, pid: u32) -> bool {
        self.first.as_ref().is_some_and(|(first, _)| View::of(pid).as_ref() == Some(first))
    }

    /// What a file at `inside` in the file system of device `dev` was called, for who sees it through another view than the
    /// session began with; `None` for a file system that came later.
    #[must_use]
    pub fn path_for(&self, view: &View, dev: u32, inside: &Path) -> Option<PathBuf> {
        let (_, mounts) = self.first.as_ref().filter(|(first, _)| first != view)?;
        mounts.path(dev, inside)
    }
}

/// Whether a directory above `path`, older than `since`, may have got its name later: a rename changes when its inode was
/// changed (`i_ctime`) and not when its contents were (fs/libfs.c:simple_rename_timestamp, and each file system's own). It is looked
/// at through the first of `viewers` that sees it. Where that cannot be told without waiting for a file system: no.
#[must_use]
pub fn is_renamed_since(viewers: &[u32], path: &Path, since: Timestamp) -> bool {
    let directories = path.ancestors().skip(1).filter(|directory| directory.parent().is_some());
    directories.into_iter().any(|directory| {
        let wanted = StatxFlags::CTIME | StatxFlags::MTIME | StatxFlags::BTIME;
        let file = viewers.iter().find_map(|pid| root::known(*pid, directory).ok());
        let Some(file) = file else { return false };
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let Ok(stat) = statx(&file, "", flags, wanted) else { return false };
        let [changed, written, born] = [stat.stx_ctime, stat.stx_mtime, stat.stx_btime].map(moment);
        let knows_birth = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
        changed > moment_of(since) && written < changed && !(knows_birth && born >= moment_of(since))
    })
}

/// Seconds, nanoseconds.
type Moment = (i64, u32);

fn moment(time: StatxTimestamp) -> Moment {
    (time.tv_sec, time.tv_nsec)
}

fn moment_of(time: Timestamp) -> Moment {
    (time.as_second(), time.subsec_nanosecond().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    #[test]
    fn who_sees_through_another_view_is_told_the_path_of_the_first_moment() {
        let (own, mut cache) = (std::process::id(), MountCache::default());
        let origin = Origin::of(own, &mut cache);
        let [here, elsewhere] = [View::of(own).unwrap(), View::made_up()];
        let dev = cache.of(own).unwrap().identify(Path::new("/proc")).unwrap().dev;
        let path = |origin: &Origin, view| origin.path_for(view, dev, Path::new("/1/environ"));
        assert_eq!(path(&origin, &here), None, "it has not left");
        assert!(origin.is_shared_by(own) && !Origin::default().is_shared_by(own));
        assert_eq!(path(&origin, &elsewhere), Some("/proc/1/environ".into()));
        assert_eq!(path(&Origin::default(), &elsewhere), None, "of nobody, nothing is known");
    }

    #[test]
    fn a_directory_that_was_renamed_since_is_told_from_one_that_was_written_to() {
        let place = tempfile::tempdir().unwrap();
        let [old, kept] = ["other", "kept"].map(|name| place.path().join(name));
        for directory in [&old, &kept] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join(".env"), "A=1").unwrap();
        }
        let changed = |path: &Path| {
            let meta = fs::metadata(path).unwrap();
            Timestamp::new(meta.ctime(), meta.ctime_nsec().try_into().unwrap()).unwrap()
        };
        let born: Timestamp = fs::metadata(&old).unwrap().created().unwrap().try_into().unwrap();
        // The kernel's clock for files ticks every few milliseconds.
        while changed(&old) <= born {
            fs::remove_file(old.join(".env")).unwrap();
            fs::write(old.join(".env"), "A=1").unwrap();
        }
        let since = changed(&old);
        let renamed = place.path().join("node_modules");
        fs::rename(&old, &renamed).unwrap();
        while changed(&renamed) <= since {
            fs::rename(&renamed, &old).unwrap();
            fs::rename(&old, &renamed).unwrap();
        }
        fs::write(kept.join("new"), "").unwrap();
        let young = place.path().join("young");
        fs::create_dir(&young).unwrap();
        fs::rename(&young, place.path().join("younger")).unwrap();
        let is_renamed =
            |directory: &Path| is_renamed_since(&[std::process::id()], &directory.join(".env"), since);
        assert!(is_renamed(&renamed));
        assert!(!is_renamed(&kept), "something was made in it");
        assert!(!is_renamed(&place.path().join("younger")), "it is the session's own");
    }
}
