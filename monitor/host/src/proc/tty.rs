//! Writing to the terminal that a session was started at, for the person who sits there.
//!
//! Device numbers alone do not say which terminal that is, as each instance of devpts (each container) counts from 0. So it is
//! opened as a process that has it sees it: by its standard descriptors, else by its path below that process's own root. Who
//! leads the terminal's POSIX session comes first, as that is the person's shell, which no agent has a say in.
//!
//! What a session can put there instead is looked at (`O_PATH`) before it is opened, and only a character device of the
//! terminal's own number is: the kernel finds no pseudo terminal behind such a device outside of devpts (`EIO`).
//!
//! Nothing here waits for whoever should read the terminal: one that is stopped (Ctrl-S), or that nobody reads, refuses.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, poll},
    fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, open, statx},
    io::Errno,
    termios::{InputModes, LocalModes, tcgetattr, tcgetwinsize},
};

use super::{
    procfs, root,
    seat::{Controlling, packed, parts},
    terminal::stat,
};

/// Processes that are asked for their terminal.
const HOLDERS: usize = 16;
/// Descriptors of a process that lead to its terminal, mostly; bash keeps one at 255.
const DESCRIPTORS: [u32; 4] = [0, 1, 2, 255];
/// How long after a terminal took nothing.
const AGAIN_AFTER: Duration = Duration::from_millis(5);
/// Width of a terminal that does not say it.
const COLUMNS: u16 = 80;
/// Major numbers, Documentation/admin-guide/devices.txt: the console's terminals and serial lines, pseudo terminals.
const CONSOLE: u32 = 4;
const PSEUDO: std::ops::RangeInclusive<u32> = 136..=143;
/// First serial line among the console's.
const SERIAL: u32 = 64;

/// A session's terminal, open for writing.
#[derive(Debug)]
pub struct Tty {
    device: File,
    number: u32,
    /// Who has its keys is the shell that leads its POSIX session, and no member of the session.
    at_prompt: bool,
}

/// How a terminal is read and shown at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub reading: Reading,
    pub columns: u16,
    /// It says that it shows UTF-8 (`IUTF8`).
    pub utf8: bool,
    /// It has a title. The kernel's own console and serial lines may print what is meant to set one.
    pub titled: bool,
}

/// Who reads what is typed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The kernel hands out lines, or the person's shell edits one: the screen is a scroll of lines.
    Lines,
    /// A program reads single keys and draws the screen itself: an editor, a pager, an agent's own interface.
    Keys,
}

impl Tty {
    /// The terminal, by the first of `pids` that has it still; the shell that leads it is asked before them.
    ///
    /// # Errors
    /// Nobody has it any more (`NotFound`), or it cannot be opened.
    pub fn of(terminal: Controlling, pids: &[u32]) -> io::Result<Self> {
        if !is_shown_to_people(terminal.number()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let leader = Some(terminal.leader()).filter(|leader| *leader > 0);
        let holders = leader.into_iter().chain(pids.iter().copied()).take(HOLDERS);
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for pid in holders.filter(|pid| Controlling::of(*pid) == Some(terminal)) {
            match open_of(pid, terminal.number()) {
                Ok(device) => {
                    return Ok(Self {
                        device,
                        number: terminal.number(),
                        at_prompt: leader.is_some_and(|leader| !pids.contains(&leader) && has_keys(leader)),
                    });
                }
                Err(why) => error = why,
            }
        }
        Err(error)
    }

    /// # Errors
    /// It has been hung up.
    pub fn look(&self) -> io::Result<Look> {
        let modes = tcgetattr(&self.device)?;
        let by_line = modes.local_modes.contains(LocalModes::ICANON);
        // A line editor leaves Ctrl-C to the kernel; so does a pager, which is why the shell itself must have the keys.
        let edited = self.at_prompt && modes.local_modes.contains(LocalModes::ISIG);
        let columns = tcgetwinsize(&self.device).map_or(0, |size| size.ws_col);
        Ok(Look {
            reading: if by_line || edited { Reading::Lines } else { Reading::Keys },
            columns: if columns == 0 { COLUMNS } else { columns },
            utf8: modes.input_modes.contains(InputModes::IUTF8),
            titled: PSEUDO.contains(&parts(self.number).0),
        })
    }

    /// Writes all of `text`, in one piece where there is room: no other program's writing comes in between then.
    ///
    /// # Errors
    /// It takes nothing, or not all of it, within `patience` (`TimedOut`), or has been hung up.
    pub fn write(&self, text: &[u8], patience: Duration) -> io::Result<()> {
        let until = Instant::now() + patience;
        let mut rest = text;
        while !rest.is_empty() {
            match rustix::io::write(&self.device, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => pause(until)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Before it is tried again. A stopped terminal says that it can be written to, and takes nothing; so there is nothing to wait for but time.
fn pause(until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let pause = Timespec::try_from(left.min(AGAIN_AFTER)).unwrap_or_default();
    match poll(&mut [], Some(&pause)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a terminal of that number can be one that a person looks at.
fn is_shown_to_people(number: u32) -> bool {
    let (major, minor) = parts(number);
    PSEUDO.contains(&major) || major == CONSOLE && minor > 0
}

fn has_keys(leader: u32) -> bool {
    stat(leader).is_some_and(|stat| super::terminal::has_the_keys(&stat))
}

fn open_of(pid: u32, number: u32) -> io::Result<File> {
    let process = procfs::living(pid).join("fd");
    let by_descriptor =
        DESCRIPTORS.iter().find_map(|link| open_device(&process.join(link.to_string()), number).ok());
    if let Some(device) = by_descriptor {
        return Ok(device);
    }
    let Some(path) = path(number) else { return Err(io::ErrorKind::NotFound.into()) };
    // No file system is waited for: only what the kernel has in its cache is found.
    writable(&root::known(pid, Path::new(&path))?, number)
}

fn path(number: u32) -> Option<String> {
    match parts(number) {
        (major, minor) if PSEUDO.contains(&major) => {
            Some(format!("/dev/pts/{}", (major - PSEUDO.start()) * 256 + minor))
        }
        (CONSOLE, minor @ 1..SERIAL) => Some(format!("/dev/tty{minor}")),
        _ => None,
    }
}

fn open_device(link: &Path, number: u32) -> io::Result<File> {
    writable(&open(link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?, number)
}

/// Opens what was looked at, whatever stands at its path by now.
fn writable(found: &OwnedFd, number: u32) -> io::Result<File> {
    let stat = statx(found, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE)?;
    let is_it = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::CharacterDevice
        && packed(stat.stx_rdev_major, stat.stx_rdev_minor) == number;
    if !is_it {
        return Err(io::ErrorKind::NotFound.into());
    }
    // O_NOCTTY: the daemon, which leads a session without a terminal, would be given this one.
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(open(root::descriptor(found), flags, Mode::empty())?))
}

#[cfg(test)]
mod tests;
