//! Quiet hours: a span of the day in the machine's time zone.

use std::time::Duration;

use jiff::{Timestamp, civil::Time, tz::TimeZone};

/// `22:00-07:00`: from the first time on, up to the second; over midnight where that is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    from: Time,
    to: Time,
}

impl Quiet {
    /// Reads `HH:MM-HH:MM`; `None` where it is not that, or no span.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let (from, to) = (time(from)?, time(to)?);
        (from != to).then_some(Self { from, to })
    }

    /// How long the quiet still lasts at a time; `None` outside of it. A night in which the clocks change is told apart by the
    /// time zone.
    #[must_use]
    pub fn lasts(&self, now: Timestamp, zone: &TimeZone) -> Option<Duration> {
        let local = now.to_zoned(zone.clone());
        let time = local.time();
        let within = if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        };
        if !within {
            return None;
        }
        let day = if time < self.to { local.date() } else { local.date().tomorrow().ok()? };
        let end = day.to_datetime(self.to).to_zoned(zone.clone()).ok()?;
        Some(Duration::try_from(end.timestamp().duration_since(now)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasts(quiet: &str, at: &str) -> Option<u64> {
        let zone = TimeZone::get("Europe/Vienna").unwrap();
        let now: Timestamp = at.parse().unwrap();
        Quiet::parse(quiet).unwrap().lasts(now, &zone).map(|left| left.as_secs() / 60)
    }

    #[test]
    fn a_night_reaches_over_midnight() {
        assert_eq!(lasts("22:00-07:00", "2026-11-30T20:59:00Z"), None);
        assert_eq!(lasts("22:00-07:00", "2026-11-30T21:00:00Z"), Some(9 * 60));
        assert_eq!(lasts("22:00-07:00", "2026-12-01T05:30:00Z"), Some(30));
        assert_eq!(lasts("22:00-07:00", "2026-12-01T06:00:00Z"), None);
        assert_eq!(lasts("12:00-13:30", "2026-12-01T11:30:00Z"), Some(60));
    }

    #[test]
    fn a_night_in_which_the_clocks_change_is_as_long_as_it_is() {
        assert_eq!(lasts("22:00-07:00", "2026-10-24T20:00:00Z"), Some(10 * 60));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for wrong in ["22-07", "22:00", "22:00-22:00", "25:00-07:00", "22:00-07:00-08:00", ""] {
            assert_eq!(Quiet::parse(wrong), None, "{wrong}");
        }
    }
}
