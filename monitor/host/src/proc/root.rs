//! Files as a session sees them: below its own root directory, never in the daemon's own mounts.
//!
//! A container's `/home/dev` is no directory of the daemon's, and its links (`token -> ..data/token`, `/var/run -> /run`)
//! lead to its own files. So whatever is looked up for a session is looked up here: the root is opened once, and every path
//! is resolved below it (openat2(2), `RESOLVE_IN_ROOT`).
//!
//! What a session can put in the way: links in circles and deep trees end by the kernel's and our own bounds; a FIFO or a
//! device is never opened, only looked at (`O_PATH`), and only regular files are read. A file system that does not
//! answer keeps the caller waiting, so this belongs into a thread of its own: see [`super::survey`].

use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx},
    io::Errno,
};

use super::procfs;
use crate::probes::inode::{Anchor, Mounts};

/// Attempts to resolve a path while something around it is renamed.
const ATTEMPTS: usize = 8;
/// A directory that anybody may write to, as `/tmp`.
const SHARED: u32 = 0o1002;

/// The root directory of a process, and its mounts.
pub struct SessionRoot {
    directory: OwnedFd,
    /// The root as it is called from the daemon's: `/`, unless the process has changed its root.
    at: PathBuf,
    mounts: Mounts,
    /// Look-ups that were answered.
    steps: Arc<AtomicU64>,
}

/// What lies at a path, links resolved.
#[derive(Debug)]
pub struct Place {
    /// As the session calls it.
    pub path: PathBuf,
    pub kind: FileType,
    /// Its user, in the daemon's numbers.
    pub owner: u32,
    /// Anybody may make files here.
    pub shared: bool,
    size: u64,
    file: OwnedFd,
}

impl SessionRoot {
    /// # Errors
    /// The process has ended.
    pub fn of(pid: u32) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(procfs::living(pid).join("root"), flags, Mode::empty())?;
        let at = seen(&directory)?;
        Ok(Self { directory, at, mounts: Mounts::of(pid), steps: Arc::default() })
    }

    /// Its mounts, for later.
    #[must_use]
    pub fn into_mounts(self) -> Mounts {
        self.mounts
    }

    /// Counts the look-ups that are answered there: whoever waits sees whether it goes on.
    #[must_use]
    pub fn counting(self, steps: Arc<AtomicU64>) -> Self {
        Self { steps, ..self }
    }

    /// What lies at an absolute path, by every link.
    ///
    /// # Errors
    /// Nothing does, or it cannot be reached.
    pub fn find(&self, path: &Path) -> io::Result<Place> {
        let file = self.open(path, OFlags::PATH)?;
        let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::SIZE;
        let stat = statx(&file, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, wanted)?;
        let mode = u32::from(stat.stx_mode);
        let seen = seen(&file)?;
        let below = seen.strip_prefix(&self.at).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Place {
            path: Path::new("/").join(below),
            kind: FileType::from_raw_mode(mode),
            owner: stat.stx_uid,
            shared: mode & SHARED == SHARED,
            size: stat.stx_size,
            file,
        })
    }

    /// The directory at a path, by every link.
    #[must_use]
    pub fn directory(&self, path: &Path) -> Option<Place> {
        self.find(path).ok().filter(|place| place.kind == FileType::Directory)
    }

    /// What stands at a path itself: a link is a link.
    #[must_use]
    pub fn kind(&self, path: &Path) -> Option<FileType> {
        let file = self.open(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let stat = statx(&file, "", flags, StatxFlags::TYPE | StatxFlags::MODE).ok()?;
        Some(FileType::from_raw_mode(u32::from(stat.stx_mode)))
    }

    /// Paths of what a directory holds; at most `max`.
    #[must_use]
    pub fn entries(&self, directory: &Path, max: usize) -> Vec<PathBuf> {
        // Opened for reading, as a listing needs it: `O_DIRECTORY` keeps everything else out.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let Ok(entries) = self.open(directory, flags).and_then(|file| Ok(Dir::new(file)?)) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .map(|entry| std::ffi::OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
            .filter(|name| name != "." && name != "..")
            .take(max)
            .map(|name| directory.join(name))
            .collect()
    }

    /// The text of a regular file of at most `max` bytes; `None` for anything else.
    #[must_use]
    pub fn text(&self, path: &Path, max: u64) -> Option<String> {
        let place = self.find(path).ok().filter(|place| place.size <= max)?;
        Some(String::from_utf8_lossy(&begin(&place, max).ok()?).into_owned())
    }

    /// The first `max` bytes of a regular file.
    ///
    /// # Errors
    /// Something else lies there, or nothing, or it cannot be read.
    pub fn begin(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        begin(&self.find(path)?, max)
    }

    /// Holds what was found by its identity.
    ///
    /// # Errors
    /// As [`Mounts::anchor`].
    pub fn anchor(&self, place: &Place) -> io::Result<Anchor> {
        self.mounts.anchor(&descriptor(&place.file))
    }

    fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        if !path.is_absolute() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..ATTEMPTS {
            let answer = openat2(&self.directory, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
            self.steps.fetch_add(1, Ordering::Relaxed);
            match answer {
                Err(Errno::AGAIN) => {} // a `..` of it may have been renamed meanwhile
                done => return Ok(done?),
            }
        }
        Err(Errno::AGAIN.into())
    }
}

/// The begin of the very file that was looked at, whatever stands at its path by now.
fn begin(place: &Place, max: u64) -> io::Result<Vec<u8>> {
    if place.kind != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(descriptor(&place.file), flags, Mode::empty())?;
    let mut text = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::from(file), max), &mut text)?;
    Ok(text)
}

/// A path of a descriptor's file, for this process alone.
pub fn descriptor(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

fn seen(file: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(descriptor(file))
}

/// The file at an absolute path of a process, by every link, where the kernel has everything in its cache that leads there
/// (`RESOLVE_CACHED`, since Linux 5.12): of what was opened or executed a moment ago it has. It waits for no file system, so
/// the event loop may ask.
///
/// # Errors
/// The process has ended, nothing lies there, or the way there is not known.
pub fn known(pid: u32, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::open(procfs::living(pid).join("root"), flags | OFlags::DIRECTORY, Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
    Ok(openat2(&root, path, flags, Mode::empty(), resolve)?)
}

/// The same, as the process calls it with links resolved.
#[must_use]
pub fn known_path(pid: u32, path: &Path) -> Option<PathBuf> {
    let path = seen(&known(pid, path).ok()?).ok()?;
    let root = fs::read_link(procfs::living(pid).join("root")).ok()?;
    Some(Path::new("/").join(path.strip_prefix(root).ok()?))
}

#[cfg(test)]
mod tests;
