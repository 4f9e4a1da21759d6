//! What a target wants to know, and at which hours.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::{Class, Target},
    notifier::{notice::Notice, outbox::Letter},
};

/// Whether a target is to be told. What belongs to no user, or was matched by no rule, passes the filter by those.
#[must_use]
pub fn wants(target: &Target, notice: &Notice) -> bool {
    let user = target.users.is_empty() || notice.user.is_none_or(|user| target.users.contains(&user));
    let rule = target.rules.is_empty()
        || notice.rules.is_empty()
        || notice.rules.iter().any(|rule| target.rules.contains(rule));
    target.events.contains(&notice.class) && notice.severity >= target.severity && user && rule
}

/// How long a letter rests because its target is quiet; `None` where it may go. What waits for a person and is severe enough goes
/// all the same, and so does what became of it: whoever was woken may sleep again.
#[must_use]
pub fn rests(target: &Target, letter: &Letter, now: Timestamp, zone: &TimeZone) -> Option<Duration> {
    let left = target.quiet?.lasts(now, zone)?;
    let asks = matches!(letter.notice.class, Class::Hold | Class::BreakGlass);
    let severe = target.quiet_except.is_some_and(|least| letter.notice.severity >= least);
    let goes = (asks && severe) || letter.sent > 0;
    (!goes).then_some(left)
}
