//! Moments as people write them.

use jiff::{Span, Timestamp, Zoned, civil, tz::TimeZone};

use super::exit::{Exit, Failure};

/// `2h`, `7d` or `1d12h` before now; `2026-11-20`, `2026-11-20T10:00` or `10:00` here; `2026-11-20T10:00:00Z`.
///
/// # Errors
/// What was expected.
pub fn moment_before(text: &str) -> Result<Timestamp, String> {
    moment_at(text, &Zoned::now())
}

/// # Errors
/// The time ends before it begins.
pub fn in_order(since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), Failure> {
    match (since, until) {
        (Some(since), Some(until)) if since >= until => {
            let text = format!(
                "--since ({since:.0}) is not before --until ({until:.0}): there is no time between them"
            );
            Err(Failure::new(Exit::Usage, text))
        }
        _ => Ok(()),
    }
}

fn moment_at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let wrong = || format!("{text:?} is no time; expected 2h, 7d, 10:00, 2026-11-20 or 2026-11-20T10:00");
    if let Ok(span) = text.parse::<Span>() {
        let is_past = !span.is_negative() && !span.is_zero();
        return is_past
            .then(|| now.checked_sub(span).ok())
            .flatten()
            .map(|at| at.timestamp())
            .ok_or_else(wrong);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = if let Ok(time) = text.parse::<civil::Time>()
        && !text.contains('-')
    {
        now.date().to_datetime(time)
    } else {
        text.parse::<civil::DateTime>().map_err(|_| wrong())?
    };
    here(civil, now.time_zone()).ok_or_else(wrong)
}

fn here(at: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    at.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_begins_before_it_ends() {
        let at = |second| Timestamp::from_second(second).ok();
        assert!(
            in_order(at(1), at(2)).is_ok() && in_order(at(1), None).is_ok() && in_order(None, at(1)).is_ok()
        );
        for end in [1, 0] {
            let error = in_order(at(1), at(end)).unwrap_err();
            assert_eq!(error.exit, Exit::Usage);
            assert!(error.text.unwrap().starts_with("--since (1970-01-01T00:00:01Z) is not before --until"));
        }
    }

    #[test]
    fn spans_dates_and_times_are_moments() {
        let now: Zoned = "2026-11-21T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        for (text, expected) in [
            ("2h", "2026-11-21T09:00:00Z"),
            ("7d", "2026-11-14T11:00:00Z"),
            ("1d12h", "2026-11-19T23:00:00Z"),
            ("90m", "2026-11-21T09:30:00Z"),
            ("P1DT2H", "2026-11-20T09:00:00Z"),
            ("10:00", "2026-11-21T09:00:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("2026-11-20T10:00", "2026-11-20T09:00:00Z"),
            ("2026-11-20 10:00:30", "2026-11-20T09:00:30Z"),
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ] {
            assert_eq!(moment_at(text, &now).map(|at| at.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for wrong in ["", "2", "h", "yesterday", "2q", "0s", "25:00", "99999999999999999w", "-2h"] {
            assert!(moment_at(wrong, &now).is_err(), "{wrong}");
        }
    }
}
