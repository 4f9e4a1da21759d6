//! Where a decision is typed, and whether a session can type there.
//!
//! `TIOCSTI` puts a byte into a terminal's input as if a person had typed it (drivers/tty/tty_io.c:tiocsti): an agent that was
//! started in a person's shell could type its own approval, and the shell, which is no session's, would run it. A process may do
//! that to its controlling terminal, and with `CAP_SYS_ADMIN` to any that it has open. Since Linux 6.2 a sysctl forbids it.
//!
//! Two processes have the same controlling terminal where they are of one POSIX session (credentials(7)): device numbers are not
//! enough, as each instance of devpts, so each container, counts from 0.

use std::{fs, io, path::Path, time::Instant};

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, makedev, statx};
use serde::{Deserialize, Serialize};

use super::{
    life::{Stat, ticks},
    procfs,
    terminal::stat,
};
use interlock_core::facts::{BootNanos, SessionId};

/// Since Linux 6.2; 0 forbids it, but for `CAP_SYS_ADMIN`.
const SWITCH: &str = "/proc/sys/dev/tty/legacy_tiocsti";
/// Who started a process, and who started that one, and so on: so many are looked at.
const STARTERS_MAX: usize = 32;
/// Descriptors of one process, and of all, that are looked at.
const DESCRIPTORS: usize = 1024;
const DESCRIPTORS_OF_ALL: usize = 100_000;
/// Descriptors that a program reads from and writes to unless it says otherwise.
const STANDARD: [u32; 3] = [0, 1, 2];

/// Whether processes may put input into their terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushing {
    Forbidden,
    /// They may, and it can be forbidden.
    Switched,
    /// They may, and this kernel has no way to forbid it.
    Always,
}

impl Pushing {
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self::by_switch(&fs::read_to_string(SWITCH))
    }

    /// What cannot be read counts as permitted.
    fn by_switch(switch: &io::Result<String>) -> Self {
        match switch {
            Ok(text) if text.trim() == "0" => Self::Forbidden,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Always,
            Ok(_) | Err(_) => Self::Switched,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Forbidden => {
                "decide from another terminal (`shared_terminal` of the configuration asks for it)"
            }
            Self::Switched => "decide from another terminal, or forbid it: sysctl dev.tty.legacy_tiocsti=0",
            Self::Always => "decide from another terminal: this kernel cannot forbid it (Linux 6.2 can)",
        }
    }
}

/// A controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controlling {
    /// As proc(5) has it in `tty_nr`.
    number: u32,
    /// The POSIX session that it belongs to.
    leader: u32,
}

impl Controlling {
    /// The one that a process has.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Self::within(&stat(pid)?)
    }

    /// As proc(5) has it in `tty_nr`.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number
    }

    /// The process that leads its POSIX session: the person's shell, mostly.
    #[must_use]
    pub fn leader(self) -> u32 {
        self.leader
    }

    fn within(stat: &Stat) -> Option<Self> {
        stat.terminal.map(|number| Self { number, leader: stat.leader })
    }
}

/// A terminal that the caller was typed at, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    number: u32,
    /// The POSIX session; `None` where the caller has the terminal only as a descriptor.
    leader: Option<u32>,
    /// The file system that has its device, which tells the terminals of several containers apart; `None` where the caller has
    /// no descriptor of it.
    place: Option<u64>,
    /// When the way from there to the caller began, in clock ticks. What was started before a session was not typed by it.
    begun: Option<u64>,
}

/// The terminals of a caller: its controlling one, those that it reads from or writes to, and those of whoever started it, as
/// `sudo` and `script` give what they run another one, and `setsid` none.
#[must_use]
pub fn seats(pid: u32) -> Vec<Seat> {
    let Some(own) = stat(pid) else { return Vec::new() };
    let mut seats = Vec::new();
    let mut note = |pid: u32, stat: &Stat, begun: Option<u64>| {
        let Some(Controlling { number, leader }) = Controlling::within(stat) else { return };
        let place = standard(pid).into_iter().find(|device| device.number == number);
        let seat = Seat { number, leader: Some(leader), place: place.map(|device| device.place), begun };
        let known = |known: &Seat| (known.number, known.leader) == (seat.number, seat.leader);
        if !seats.iter().any(known) {
            seats.push(seat);
        }
    };
    note(pid, &own, None);
    let mut below = own;
    for _ in 0..STARTERS_MAX {
        let Some(starter) = Some(below.parent).filter(|parent| *parent > 1).and_then(stat) else { break };
        note(below.parent, &starter, Some(below.start));
        below = starter;
    }
    for Device { number, place } in standard(pid) {
        if !seats.iter().any(|known| known.number == number && known.begun.is_none()) {
            seats.push(Seat { number, leader: None, place: Some(place), begun: None });
        }
    }
    seats
}

/// A session, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Party {
    pub id: SessionId,
    pub started: BootNanos,
    /// The terminal that its root had: what was typed there is read also when whoever typed it has ended.
    pub first: Option<Controlling>,
    pub pids: Vec<u32>,
}

/// A session that can type where the caller sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub session: SessionId,
    /// Its process that has the terminal; `None` where its root had.
    pub pid: Option<u32>,
    /// `/dev/pts/3`.
    pub terminal: String,
}

/// The first session that has one of the terminals, as its controlling one or as an open descriptor.
///
/// # Errors
/// Time was up before every controlling terminal was looked at. Descriptors are looked at as far as time and numbers allow, and
/// no further: a process without `CAP_SYS_ADMIN` can do nothing by them, and one with it can open any terminal the moment it types.
pub fn shared(seats: &[Seat], parties: &[Party], until: Instant) -> Result<Option<Shared>, TimeIsUp> {
    if seats.is_empty() {
        return Ok(None);
    }
    for party in parties {
        if let Some(first) = party.first
            && let Some(found) = party.meets(seats, None, |seat| seat.is(first))
        {
            return Ok(Some(found));
        }
        for pid in &party.pids {
            if Instant::now() >= until {
                return Err(TimeIsUp);
            }
            let Some(its) = Controlling::of(*pid) else { continue };
            if let Some(found) = party.meets(seats, Some(*pid), |seat| seat.is(its)) {
                return Ok(Some(found));
            }
        }
    }
    let mut left = DESCRIPTORS_OF_ALL;
    for (party, pid) in parties.iter().flat_map(|party| party.pids.iter().map(move |pid| (party, *pid))) {
        let Ok(descriptors) = fs::read_dir(procfs::living(pid).join("fd")) else { continue };
        for entry in descriptors.flatten().take(DESCRIPTORS.min(left)) {
            left = left.saturating_sub(1);
            if left == 0 || Instant::now() >= until {
                return Ok(None);
            }
            let Some(device) = Device::at(&entry.path()) else { continue };
            if let Some(found) = party.meets(seats, Some(pid), |seat| seat.is_at(device)) {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeIsUp;

impl Party {
    fn meets(&self, seats: &[Seat], pid: Option<u32>, is: impl Fn(&Seat) -> bool) -> Option<Shared> {
        // A relay that is older than the session (a `sudo -i` in the same terminal) would pass on what it types all the same:
        // that a terminal window or an editor was started from this terminal once is ordinary, and that is not.
        let counts = |seat: &&Seat| seat.begun.is_none_or(|begun| begun >= ticks(self.started));
        let seat = seats.iter().filter(counts).find(|seat| is(seat))?;
        Some(Shared { session: self.id, pid, terminal: name(seat.number) })
    }
}

impl Seat {
    fn is(&self, other: Controlling) -> bool {
        // 0: the kernel does not say, as to a reader in another pid namespace.
        let same_session = |leader: u32| leader == other.leader || leader == 0 || other.leader == 0;
        self.number == other.number && self.leader.is_none_or(same_session)
    }

    fn is_at(&self, device: Device) -> bool {
        self.number == device.number && self.place.is_none_or(|place| place == device.place)
    }
}

/// A terminal's device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Device {
    number: u32,
    place: u64,
}

impl Device {
    /// The one that a link below `/proc/PID/fd` leads to. `/dev/tty` is none of its own: whoever opened it has the terminal as its
    /// controlling one, or had.
    fn at(link: &Path) -> Option<Self> {
        fs::read_link(link).ok().filter(|target| may_be_terminal(target))?;
        // What the kernel knows without asking the file system.
        let stat = statx(CWD, link, AtFlags::STATX_DONT_SYNC, StatxFlags::TYPE).ok()?;
        let is_device = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::CharacterDevice;
        is_device.then(|| Self {
            number: packed(stat.stx_rdev_major, stat.stx_rdev_minor),
            place: makedev(stat.stx_dev_major, stat.stx_dev_minor),
        })
    }
}

/// By its name, so that few others are looked at: a container's may be called `/0`.
fn may_be_terminal(target: &Path) -> bool {
    let name = target.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    target.is_absolute()
        && (target.starts_with("/dev")
            || name.starts_with("tty")
            || name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn standard(pid: u32) -> Vec<Device> {
    let process = procfs::living(pid).join("fd");
    let link = |number: &u32| process.join(number.to_string());
    let devices = STANDARD.iter().filter_map(|number| Device::at(&link(number)));
    devices.filter(|device| is_terminal(device.number)).collect()
}

/// proc(5), `tty_nr`: the major number in bits 15 to 8, the minor one in bits 31 to 20 and 7 to 0.
pub(super) fn packed(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

pub(super) fn parts(number: u32) -> (u32, u32) {
    ((number >> 8) & 0xfff, (number & 0xff) | (number >> 12) & !0xff)
}

/// Whether a device is a terminal that can be a controlling one; `/dev/null` and the others of memory are not
/// (Documentation/admin-guide/devices.txt).
fn is_terminal(number: u32) -> bool {
    !matches!(parts(number).0, 0 | 1 | 5)
}

fn name(number: u32) -> String {
    match parts(number) {
        (136, index) => format!("/dev/pts/{index}"),
        (4, index @ 0..64) => format!("/dev/tty{index}"),
        (4, index) => format!("/dev/ttyS{}", index - 64),
        (major, minor) => format!("terminal {major}:{minor}"),
    }
}

#[cfg(test)]
mod tests;
