//! Whether a process still lives: a pid alone may be somebody else's by now, a pid and a start time are not.

use std::{
    fs,
    io::{self, ErrorKind, Read as _},
};

use rustix::io::Errno;

use interlock_core::facts::BootNanos;

/// include/linux/sched.h. Set before the kernel removes the label: a process without it still has its exit before it.
const PF_EXITING: u64 = 0x4;

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Runs,
    /// It runs no code of its own any more; whether its exit has been reported is unknown.
    Ending,
    /// Its exit has been reported, or its number is another process's.
    Ended,
    /// It could not be looked at (no descriptor, no memory).
    Unknown,
}

/// What `/proc/PID/stat` says, proc(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    pub state: char,
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its POSIX session, by the process that made it. Not an agent session.
    pub leader: u32,
    /// Its controlling terminal, by device number; `None` where it has none.
    pub terminal: Option<u32>,
    /// The process group that has the keys of its terminal; `None` where it has no terminal.
    pub foreground: Option<u32>,
    pub threads: u32,
    flags: u64,
    /// In clock ticks.
    pub start: u64,
}

impl Stat {
    /// Of a process (`/proc/PID/stat`) or a thread (`/proc/PID/task/TID/stat`), in one read: a thousand of them are most
    /// of what a freeze takes.
    ///
    /// # Errors
    /// See [`has_ended`]; any other error says nothing about the process.
    pub fn read(path: &str) -> io::Result<Self> {
        let mut bytes = [0; 1024];
        let length = fs::File::open(path)?.read(&mut bytes)?;
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
        Self::parse(&text).ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// The name before the fields, in parentheses, may contain anything.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3); // the state is the third
        Some(Self {
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            leader: field(6)?.parse().ok()?,
            terminal: field(7)?.parse().ok().map(i32::cast_unsigned).filter(|number| *number != 0),
            foreground: field(8)?.parse().ok().filter(|_| field(7) != Some(&"0")),
            flags: field(9)?.parse().ok()?,
            threads: field(20)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
        })
    }

    fn life(self) -> Life {
        match self.state {
            'Z' | 'X' => Life::Ended,
            _ if self.flags & PF_EXITING != 0 => Life::Ending,
            _ => Life::Runs,
        }
    }
}

/// Whether an error means that there is no such process any more.
#[must_use]
pub fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// Whether the process `pid` that began at `start` lives; 0: whichever has that number.
#[must_use]
pub fn life(pid: u32, start: BootNanos) -> Life {
    let stat = match Stat::read(&format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if has_ended(&error) => return Life::Ended,
        Err(_) => return Life::Unknown,
    };
    if start.0 > 0 && stat.start != ticks(start) {
        return Life::Ended;
    }
    if stat.life() == Life::Runs || stat.threads <= 1 {
        return stat.life();
    }
    // The first thread may end before the others.
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Life::Unknown };
    let lives: Vec<Life> = threads
        .map(|thread| {
            match thread.and_then(|thread| Stat::read(&format!("{}/stat", thread.path().display()))) {
                Ok(stat) => stat.life(),
                Err(error) if has_ended(&error) => Life::Ended,
                Err(_) => Life::Unknown,
            }
        })
        .collect();
    let found = |life| lives.contains(&life).then_some(life);
    found(Life::Runs).or_else(|| found(Life::Unknown)).or_else(|| found(Life::Ending)).unwrap_or(Life::Ended)
}

/// A time as `/proc` tells starts.
#[must_use]
pub fn ticks(start: BootNanos) -> u64 {
    start.0 / (1_000_000_000 / procfs::ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_behind_its_name() {
        let line = "7 (a) b) T 1 7 7 0 -1 4194308 1 0 0 0 0 0 0 0 20 0 3 0 100 0 0";
        let stat = Stat {
            state: 'T',
            parent: 1,
            group: 7,
            leader: 7,
            terminal: None,
            foreground: None,
            threads: 3,
            flags: 0x40_0004,
            start: 100,
        };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(stat.life(), Life::Ending);
        assert_eq!(Stat::parse(""), None);
        let on_a_terminal = line.replace("1 7 7 0 -1", "1 7 7 34816 9");
        assert_eq!(
            Stat::parse(&on_a_terminal),
            Some(Stat { terminal: Some(34816), foreground: Some(9), ..stat })
        );
    }

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let own = std::process::id();
        let start = crate::proc::procfs::read(own).unwrap().process.start;
        assert_eq!(life(own, start), Life::Runs);
        assert_eq!(life(own, BootNanos(start.0 + 1)), Life::Runs, "the kernel's time is finer");
        assert_eq!(life(own, BootNanos(start.0 + 1_000_000_000)), Life::Ended, "the number is another's");
        assert_eq!(life(own, BootNanos(0)), Life::Runs);
        assert_eq!(life(u32::MAX, BootNanos(0)), Life::Ended);
    }

    #[test]
    fn whom_nobody_waited_for_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while life(child.id(), BootNanos(0)) != Life::Ended && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!(life(child.id(), BootNanos(0)), Life::Ended);
        child.wait().unwrap();
    }
}
