//! Descriptors of processes, as far as there is time for: a process can have a million, and a session thousands of processes.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::procfs;

/// How far a search goes.
#[derive(Debug)]
pub struct Bounds {
    left: usize,
    until: Instant,
    cut: bool,
}

impl Bounds {
    #[must_use]
    pub fn new(descriptors: usize, span: Duration) -> Self {
        let now = Instant::now();
        Self { left: descriptors, until: now.checked_add(span).unwrap_or(now), cut: false }
    }

    /// Whether the search ended before it was through.
    #[must_use]
    pub fn were_met(&self) -> bool {
        self.cut
    }

    /// Whether there is no time at all.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Takes one look from what is left; returns whether there was one.
    fn look(&mut self) -> bool {
        self.cut |= self.left == 0 || Instant::now() >= self.until;
        self.left = self.left.saturating_sub(1);
        !self.cut
    }
}

/// Each descriptor of a process with what it leads to: `/proc/PID/fd/7` to `socket:[4711]`. A process costs a look, too.
pub fn links(pid: u32, bounds: &mut Bounds) -> impl Iterator<Item = (i32, PathBuf)> {
    let listed = bounds.look().then(|| fs::read_dir(procfs::living(pid).join("fd")).ok()).flatten();
    let mut entries = listed.into_iter().flatten().flatten();
    std::iter::from_fn(move || {
        loop {
            let entry = entries.next()?;
            if !bounds.look() {
                return None;
            }
            let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
            // Closed meanwhile: the next one.
            if let Some((number, target)) = number.zip(fs::read_link(entry.path()).ok()) {
                return Some((number, target));
            }
        }
    })
}

/// The same of those that are sockets, with the number of each.
pub fn sockets(pid: u32, bounds: &mut Bounds) -> impl Iterator<Item = (i32, u64)> {
    links(pid, bounds).filter_map(|(descriptor, target)| {
        let number = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
        Some((descriptor, number))
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_search_ends_where_its_bounds_say_and_says_so() {
        let (own, kept) = (std::process::id(), TcpListener::bind("127.0.0.1:0").unwrap());
        let mut far = Bounds::new(100_000, Duration::from_secs(60));
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&kept);
        assert!(sockets(own, &mut far).any(|(found, _)| found == descriptor) && !far.were_met());
        let mut near = Bounds::new(2, Duration::from_secs(60));
        assert_eq!(links(own, &mut near).count(), 1, "a process costs a look, too");
        assert!(near.were_met());
        let mut late = Bounds::new(100_000, Duration::ZERO);
        assert_eq!(links(own, &mut late).count(), 0);
        assert!(late.were_met());
        let mut unmet = Bounds::new(100_000, Duration::from_secs(60));
        assert_eq!(links(u32::MAX, &mut unmet).count(), 0);
        assert!(!unmet.were_met(), "one that has ended has none");
    }
}
