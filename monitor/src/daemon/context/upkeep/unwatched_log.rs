//! Agents that were recognised and could become no session. Each is counted; reported is the first of a user's in a minute:
//! every command of such an agent is recognised again.

use std::{collections::HashMap, time::Duration};

use interlock_core::facts::BootNanos;

/// Time between two events about one user.
const QUIET: Duration = Duration::from_secs(60);

/// Users whose agents run unwatched.
#[derive(Debug, Default)]
pub struct UnwatchedLog {
    reported: HashMap<u32, BootNanos>,
    /// Agents may be watched after all once a session has ended.
    wait: bool,
    has_room: bool,
}

impl UnwatchedLog {
    /// Returns whether it is to be reported.
    pub fn count(&mut self, user: u32, now: BootNanos) -> bool {
        self.reported.retain(|_, at| now.since(*at) < QUIET);
        self.wait = true;
        if self.reported.contains_key(&user) {
            return false;
        }
        self.reported.insert(user, now);
        true
    }

    pub fn session_ended(&mut self) {
        self.has_room = true;
    }

    /// Whether to look for them again; once for each time there is room.
    pub fn try_again(&mut self) -> bool {
        let again = self.has_room && self.wait;
        self.has_room = false;
        self.wait &= !again;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_of_once_a_minute_and_looked_for_once_there_is_room() {
        let minute = QUIET.as_nanos() as u64;
        let mut unwatched_log = UnwatchedLog::default();
        unwatched_log.session_ended();
        assert!(!unwatched_log.try_again(), "nobody waits");
        assert!(unwatched_log.count(1, BootNanos(0)) && unwatched_log.count(2, BootNanos(9)));
        assert!(!unwatched_log.count(1, BootNanos(minute - 1)) && unwatched_log.count(1, BootNanos(minute)));
        assert!(!unwatched_log.try_again(), "there is no room");
        unwatched_log.session_ended();
        assert!(unwatched_log.try_again() && !unwatched_log.try_again());
    }
}
