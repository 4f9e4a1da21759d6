//! Users who ask for what they may not: each attempt is counted, the first of a minute is told at once and the others when it is
//! over, and who goes on is not listened to for the rest of it.
//!
//! By what they bring, each for itself: a helper of the person's user that types wrong codes must not keep the person from deciding
//! by a key, nor one that sends wrong signatures from deciding by a code.
//!
//! Processes of sessions are told of elsewhere (`asking.rs`) and count for nobody here: an agent must not use up what its own person has.

use std::{collections::HashMap, time::Duration};

use serde_json::json;

use crate::{control::command::Brings, daemon::context::reporter::Reporter};
use interlock_core::{
    facts::{BootNanos, SessionId, Severity},
    sessions::Registry,
};
use interlock_host::clock::boot_now;

pub const EVENT: &str = "attempt-refused";
/// Time over which attempts are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Attempts in it, after which nothing that lets something go on is taken from the user until it is over.
const FREE: u64 = 10;
/// Users that are counted at once, by what they bring; of further ones each attempt is told.
const USERS_MAX: usize = 1024;

/// A user, and what was brought; `None`: nobody knows whether it was that user at all, and it counts for nobody.
type Counter = (u32, Option<Brings>);

/// Attempts, by whose they are.
#[derive(Debug, Default)]
pub struct Attempts(HashMap<Counter, Counted>);

/// A request that was refused because of who asked.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The session that it is about, where there is one.
    pub session: Option<SessionId>,
    pub pid: u32,
    pub verb: &'static str,
    pub target: Option<&'a str>,
    pub brings: Option<Brings>,
    pub why: &'a str,
}

#[derive(Debug)]
struct Counted {
    since: BootNanos,
    count: u64,
    untold: u64,
}

impl Attempts {
    /// Counts an attempt, and tells of it if it is the user's first of a minute.
    pub fn tell(&mut self, reporter: &mut Reporter, sessions: &Registry, user: u32, attempt: &Attempt<'_>) {
        if !self.note((user, attempt.brings), boot_now()) {
            return;
        }
        let event = match attempt.session {
            Some(session) => reporter.event(sessions, EVENT, boot_now(), session),
            None => reporter.event_of_daemon(EVENT),
        };
        let event = event
            .alert(Severity::Medium, attempt.why)
            .with("source.user.id", user.to_string())
            .with("process.pid", attempt.pid)
            .with("interlock.action", "deny")
            .with("attempt.request", attempt.verb)
            .with("attempt.target", json!(attempt.target))
            .with("attempt.count", 1);
        reporter.publish(sessions, event);
    }

    /// Tells of the attempts that were only counted, where a minute is over.
    pub fn report_due(&mut self, reporter: &mut Reporter, sessions: &Registry) {
        for (user, count) in self.due(boot_now()) {
            let event = reporter
                .event_of_daemon(EVENT)
                .alert(Severity::Medium, "further attempts in a minute")
                .with("source.user.id", user.to_string())
                .with("interlock.action", "deny")
                .with("attempt.count", count);
            reporter.publish(sessions, event);
        }
    }

    /// Counts one; returns whether it is to be told now.
    fn note(&mut self, who: Counter, now: BootNanos) -> bool {
        if let Some(counted) = self.0.get_mut(&who) {
            (counted.count, counted.untold) =
                (counted.count.saturating_add(1), counted.untold.saturating_add(1));
            return false;
        }
        if self.0.len() < USERS_MAX {
            self.0.insert(who, Counted { since: now, count: 1, untold: 0 });
        }
        true
    }

    /// How long the user is not listened to with that; `None` where it is. Root is always: who fails as root can do anything anyway.
    #[must_use]
    pub fn throttled(&self, who: (u32, Brings), now: BootNanos) -> Option<Duration> {
        let counted =
            self.0.get(&(who.0, Some(who.1))).filter(|counted| who.0 != 0 && counted.count >= FREE)?;
        WINDOW.checked_sub(now.since(counted.since)).filter(|left| !left.is_zero())
    }

    /// Users whose minute is over, each with how many of their attempts were not told.
    fn due(&mut self, now: BootNanos) -> Vec<(u32, u64)> {
        let over = self.0.extract_if(|_, counted| now.since(counted.since) >= WINDOW);
        over.map(|((user, _), counted)| (user, counted.untold)).filter(|(_, untold)| *untold > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(attempts: &mut Attempts, (user, brings): (u32, Brings), now: BootNanos) -> bool {
        attempts.note((user, Some(brings)), now)
    }

    #[test]
    fn what_nobody_can_be_said_to_have_asked_takes_nothing_from_a_user() {
        let mut attempts = Attempts::default();
        let told = (0..20).filter(|at| attempts.note((7, None), second(*at))).count();
        assert_eq!((told, attempts.throttled(BY_CODE, second(20))), (1, None));
        assert_eq!(attempts.due(second(60)), [(7, 19)]);
    }

    const BY_CODE: (u32, Brings) = (7, Brings::Code);

    fn second(seconds: u64) -> BootNanos {
        BootNanos(seconds * 1_000_000_000)
    }

    #[test]
    fn who_tries_ten_times_in_a_minute_is_not_listened_to_until_it_is_over() {
        let mut attempts = Attempts::default();
        let told: Vec<bool> = (0..10).map(|at| note(&mut attempts, BY_CODE, second(at))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert_eq!(attempts.throttled(BY_CODE, second(10)), Some(Duration::from_secs(50)));
        assert_eq!(attempts.throttled((8, Brings::Code), second(10)), None, "another user");
        let root = (0, Brings::Code);
        assert!((0..20).filter(|_| note(&mut attempts, root, second(10))).count() == 1);
        assert_eq!(attempts.throttled(root, second(10)), None);
        assert_eq!(attempts.throttled(BY_CODE, second(60)), None);
        assert_eq!(attempts.due(second(59)), []);
        assert_eq!(attempts.due(second(60)), [(7, 9)]);
        assert!(note(&mut attempts, BY_CODE, second(61)), "it begins anew");
    }

    #[test]
    fn wrong_codes_take_no_signature_from_their_user_and_each_has_a_bound() {
        let all = [Brings::Nothing, Brings::Code, Brings::Signature];
        for fails in all {
            let mut attempts = Attempts::default();
            (0..10).for_each(|at| _ = note(&mut attempts, (7, fails), second(at)));
            for brings in all {
                let is_throttled = attempts.throttled((7, brings), second(10)).is_some();
                assert_eq!(is_throttled, brings == fails, "{fails:?} {brings:?}");
            }
        }
    }
}
