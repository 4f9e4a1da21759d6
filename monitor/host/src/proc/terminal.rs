//! A person's terminal: who has its keys, and whom job control has taken them from.
//!
//! A shell with job control waits for its foreground job with WUNTRACED: a job that is stopped by a signal is told to it, it
//! takes the terminal back, and the job that is continued later runs in the background, without the keys, until the person
//! types `fg`.

use super::life::Stat;

/// Whether the process has a terminal, and its keys.
#[must_use]
pub fn has_the_keys(stat: &Stat) -> bool {
    stat.foreground == Some(stat.group)
}

/// Whether the process has a terminal, and others have its keys.
#[must_use]
pub fn is_in_the_background(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.foreground.is_some() && !has_the_keys(&stat))
}

/// Whether the shell that the process is a job of has its terminal's keys.
#[must_use]
pub fn has_lost_the_keys(pid: u32) -> bool {
    let Some(job) = stat(pid) else { return false };
    let shell = stat(job.parent);
    shell.is_some_and(|shell| shell.group != job.group && job.foreground == Some(shell.group))
}

#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    Stat::read(&format!("/proc/{pid}/stat")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(group: u32, foreground: Option<u32>) -> Stat {
        let line = format!(
            "7 (x) S 1 {group} 1 34816 {} 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0",
            foreground.map_or(-1, i64::from)
        );
        Stat::parse(&line).unwrap()
    }

    #[test]
    fn the_keys_are_the_foreground_groups() {
        assert!(has_the_keys(&process(7, Some(7))));
        assert!(!has_the_keys(&process(7, Some(8))));
        assert!(!has_the_keys(&process(7, None)));
    }

    #[test]
    fn who_has_no_terminal_has_lost_nothing() {
        assert!(!has_lost_the_keys(u32::MAX) && !is_in_the_background(u32::MAX));
    }
}
