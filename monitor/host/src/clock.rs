//! Clocks: the boot clock orders events, the wall clock is for people.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

use interlock_core::facts::BootNanos;

/// `CLOCK_BOOTTIME` now: the clock of the kernel's records, which goes on while the machine sleeps.
#[must_use]
pub fn boot_now() -> BootNanos {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    BootNanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// A moment without its fraction of a second: as it is written, and so as it is read again.
#[must_use]
pub fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Converts between the boot clock and the wall clock, as far apart as they were when it was made.
///
/// The wall clock is stepped now and then, so let it follow for each batch of events.
#[derive(Clone, Copy, Debug)]
pub struct Wall {
    boot: BootNanos,
    wall: Timestamp,
}

/// How far a moment's wall time may be from what the clock would say.
const TOLERANCE: SignedDuration = SignedDuration::from_millis(5);

impl Wall {
    #[must_use]
    pub fn now() -> Self {
        Self { boot: boot_now(), wall: Timestamp::now() }
    }

    /// Keeps up with a wall clock that was set or has drifted. Below that nothing changes: the two clocks cannot be read at once,
    /// and what is told twice of one moment must be told alike.
    /// Returns how far apart they were.
    pub fn follow(&mut self) -> Duration {
        self.follow_to(Self::now())
    }

    fn follow_to(&mut self, now: Self) -> Duration {
        let apart = now.wall.duration_since(self.at(now.boot)).abs();
        if apart > TOLERANCE {
            *self = now;
        }
        apart.unsigned_abs()
    }

    /// The wall clock's time when the boot clock showed `at`; limited to the years that a timestamp can say.
    #[must_use]
    pub fn at(self, at: BootNanos) -> Timestamp {
        let ahead = at.since(self.boot);
        let behind = self.boot.since(at);
        match self.wall.checked_add(ahead) {
            Ok(later) => later.checked_sub(behind).unwrap_or(Timestamp::MIN),
            Err(_) => Timestamp::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_is_the_kernels() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let now = boot_now().0 as f64 / 1e9;
        assert!((0.0..60.0).contains(&(now - uptime + 0.01)), "boot clock {now} s, /proc/uptime {uptime} s");
    }

    #[test]
    fn what_is_told_twice_of_one_moment_is_told_alike_until_the_clock_is_set() {
        let at = |boot: u64, wall: &str| Wall { boot: BootNanos(boot), wall: wall.parse().unwrap() };
        let first = at(5_000_000_000, "2026-04-25T10:00:00Z");
        let mut wall = first;
        let apart = wall.follow_to(at(6_000_000_000, "2026-04-25T10:00:01.000000260Z"));
        assert_eq!(apart, Duration::from_nanos(260));
        assert_eq!(wall.at(BootNanos(0)), first.at(BootNanos(0)));
        let apart = wall.follow_to(at(7_000_000_000, "2026-04-25T09:00:02Z"));
        assert_eq!(apart, Duration::from_secs(3600));
        assert_eq!(wall.at(BootNanos(7_000_000_000)).to_string(), "2026-04-25T09:00:02Z");
    }

    #[test]
    fn boot_times_become_wall_times_in_both_directions() {
        let wall = Wall { boot: BootNanos(5_000_000_000), wall: "2026-04-25T10:00:00Z".parse().unwrap() };
        assert_eq!(wall.at(BootNanos(6_500_000_000)).to_string(), "2026-04-25T10:00:01.5Z");
        assert_eq!(wall.at(BootNanos(5_000_000_000)).to_string(), "2026-04-25T10:00:00Z");
        assert_eq!(wall.at(BootNanos(0)).to_string(), "2026-04-25T09:59:55Z");
        assert!(wall.at(BootNanos(u64::MAX)) > wall.wall, "584 years still fit");
    }
}
