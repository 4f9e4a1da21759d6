//! Files that are written for years below one name, while another program may rename, remove or cut them.

use std::{
    fmt,
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Endings of files that a rotation has compressed.
const COMPRESSED: [&str; 5] = ["gz", "xz", "zst", "bz2", "lz4"];

/// Whether the file's name says that it must be unpacked before it is read.
#[must_use]
pub fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|end| COMPRESSED.iter().any(|known| *known == end))
}

/// What somebody else did to a file that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has another name now, and what was written is there (logrotate's way).
    Renamed,
    /// It has no name any more: what was written is gone as soon as it is closed.
    Removed,
    /// It is shorter than what was written (logrotate's `copytruncate`).
    Truncated,
    /// It holds something else than what was written. Whoever knows that looks itself: [`change`] does not read.
    Rewritten,
}

impl Change {
    pub const ALL: [Self; 4] = [Self::Renamed, Self::Removed, Self::Truncated, Self::Rewritten];

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Removed => "removed",
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
        }
    }

    /// Whether something that was written may be gone by it.
    #[must_use]
    pub fn loses(self) -> bool {
        self != Self::Renamed
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What has become of `file`, which was opened at `path` and has had `length` bytes.
///
/// # Errors
/// The system's, where it cannot be looked at; a `path` where nothing is, is no error.
pub fn change(file: &File, path: &Path, length: u64) -> io::Result<Option<Change>> {
    let own = file.metadata()?;
    let there = match fs::metadata(path) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let is_own = there.is_some_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()));
    Ok(match is_own {
        _ if own.nlink() == 0 => Some(Change::Removed),
        false => Some(Change::Renamed),
        true if own.is_file() && own.len() < length => Some(Change::Truncated),
        true => None,
    })
}

/// Opens the file at `path` for appending. Where there is none, it is made with the mode and the owner of `like`; one that
/// is there already (logrotate's `create`) stays as it is.
///
/// # Errors
/// The system's.
pub fn open_like(path: &Path, like: &File) -> io::Result<File> {
    let own = like.metadata()?;
    let mode = own.mode() & 0o7777;
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(mode);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            file.set_permissions(Permissions::from_mode(mode))?; // whatever the mask of the process is
            // Fails open: the file goes on as root's, and whoever read it by its group finds that in the log.
            if let Err(error) = fchown(&file, Some(own.uid()), Some(own.gid())) {
                tracing::warn!(path = %path.display(), %error, uid = own.uid(), gid = own.gid(), "the new file does not get the owner of the one before");
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// The name that an open file has now; `None` where it has none, or the system does not say.
#[must_use]
pub fn present_name(file: &File) -> Option<PathBuf> {
    let has_name = file.metadata().is_ok_and(|own| own.nlink() > 0);
    has_name.then(|| fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()).flatten()
}

/// How often each change of a file was noticed; shared between its writer and who counts.
#[derive(Debug, Default)]
pub struct Changes([AtomicU64; Change::ALL.len()]);

impl Changes {
    pub fn count(&self, change: Change) {
        if let Some(count) = self.0.get(change as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each change, and how often it was noticed so far.
    pub fn totals(&self) -> impl Iterator<Item = (Change, u64)> {
        Change::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(dir: &Path) -> (PathBuf, File) {
        let path = dir.join("a.log");
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o640).open(&path).unwrap();
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        file.write_all(b"12345").unwrap();
        (path, file)
    }

    #[test]
    fn a_file_in_its_place_has_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = written(dir.path());
        assert_eq!(change(&file, &path, 5).unwrap(), None);
        assert_eq!(present_name(&file), Some(path.canonicalize().unwrap()));
    }

    #[test]
    fn renamed_removed_and_cut_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = written(dir.path());
        let older = dir.path().join("a.log-1");
        fs::rename(&path, &older).unwrap();
        assert_eq!(change(&file, &path, 5).unwrap(), Some(Change::Renamed));
        assert_eq!(present_name(&file), Some(older.canonicalize().unwrap()));
        fs::write(&path, "another file").unwrap();
        assert_eq!(change(&file, &path, 5).unwrap(), Some(Change::Renamed));
        fs::remove_file(&older).unwrap();
        assert_eq!(change(&file, &path, 5).unwrap(), Some(Change::Removed));
        assert_eq!(present_name(&file), None);

        fs::remove_file(&path).unwrap();
        let (path, file) = written(dir.path());
        file.set_len(4).unwrap();
        assert_eq!(change(&file, &path, 5).unwrap(), Some(Change::Truncated));
    }

    #[test]
    fn a_new_file_has_the_mode_of_the_old_one_and_a_present_one_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, file) = written(dir.path());
        fs::remove_file(&path).unwrap();
        let mode = |file: &File| file.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode(&open_like(&path, &file).unwrap()), 0o640);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "x").unwrap();
        let present = open_like(&path, &file).unwrap();
        assert_eq!((mode(&present), present.metadata().unwrap().len()), (0o600, 1));
    }
}
