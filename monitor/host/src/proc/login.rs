//! Who a process is of, beyond its user: who logged in, at which terminal, and who started it.

use std::fs;

use super::{life::Stat, procfs, terminal::stat};

/// `AUDIT_UID_UNSET`, include/uapi/linux/audit.h: nobody has logged in.
const UNSET: u32 = u32::MAX;
/// Device numbers of terminals, Documentation/admin-guide/devices.txt.
const PTS: std::ops::RangeInclusive<u32> = 136..=143;
const TTY: u32 = 4;
/// First serial line among the terminals.
const SERIAL: u32 = 64;

/// Who started a process, and who started that: so many are looked at for a user.
const ABOVE: usize = 32;

/// A process above another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    pub pid: u32,
    /// Its program; empty where it cannot be seen.
    pub program: String,
}

/// The user who logged in, which neither `sudo` nor `su` changes; `None` where nobody did: a service, a container.
#[must_use]
pub fn login_uid(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != UNSET)
}

/// Who had logged in where the process was started. Where nobody keeps that (no `pam_loginuid`, a container), the first user of those
/// above it who is not root: whose shell it was that `sudo` or `su` was typed at. `None` where root's own are all that is above.
#[must_use]
pub fn logged_in(pid: u32) -> Option<u32> {
    let not_root = |uid: &u32| *uid != 0;
    let from_the_top = || {
        let above: Vec<u32> = above(pid, ABOVE).collect();
        above.into_iter().rev().filter_map(procfs::user).find(not_root)
    };
    login_uid(pid).filter(not_root).or_else(from_the_top)
}

/// The controlling terminal, as `ps` names it: `pts/3`.
#[must_use]
pub fn tty(pid: u32) -> Option<String> {
    stat(pid)?.terminal.map(name)
}

/// Who started the process, and who started that, up to `most`; the nearest first.
pub fn above(pid: u32, most: usize) -> impl Iterator<Item = u32> {
    let parent = |pid: &u32| {
        Stat::read(&format!("/proc/{pid}/stat")).ok().map(|stat| stat.parent).filter(|pid| *pid > 0)
    };
    std::iter::successors(parent(&pid), parent).take(most)
}

/// The same, each with its program.
#[must_use]
pub fn ancestors(pid: u32, most: usize) -> Vec<Ancestor> {
    let program = |pid: u32| fs::read_link(procfs::living(pid).join("exe")).unwrap_or_default();
    above(pid, most)
        .map(|pid| Ancestor { pid, program: program(pid).to_string_lossy().into_owned() })
        .collect()
}

/// Device number as proc(5) has it: the minor number's upper bits lie above the major one.
fn name(number: u32) -> String {
    let (major, minor) = (number >> 8 & 0xfff, (number & 0xff) | (number >> 12 & 0xf_ff00));
    match major {
        major if PTS.contains(&major) => format!("pts/{}", (major - PTS.start()) * 256 + minor),
        TTY if minor >= SERIAL => format!("ttyS{}", minor - SERIAL),
        TTY => format!("tty{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_have_the_names_that_people_know() {
        for (number, expected) in [
            (34816, "pts/0"),
            (34819, "pts/3"),
            (35072, "pts/256"),
            (1025, "tty1"),
            (1088, "ttyS0"),
            (1280, "5:0"),
        ] {
            assert_eq!(name(number), expected);
        }
    }

    #[test]
    fn this_process_was_started_by_its_parent() {
        let own = ancestors(std::process::id(), 3);
        assert_eq!(own.first().map(|above| above.pid), Some(std::os::unix::process::parent_id()));
        assert!(own.len() <= 3);
    }

    #[test]
    fn of_a_process_that_ended_nothing_is_known() {
        assert_eq!((login_uid(u32::MAX), tty(u32::MAX), ancestors(u32::MAX, 9)), (None, None, Vec::new()));
    }
}
