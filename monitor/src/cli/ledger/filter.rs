//! Which records are shown.

use clap::Args;
use jiff::{Span, Timestamp, Zoned, civil::Date, tz::TimeZone};

use crate::{cli::language::id, ledger::chain::Link};
use interlock_core::record::Kind;

#[derive(Args, Debug)]
pub struct Filter {
    /// Only from this time on: a time (2026-04-25T10:00:00Z), a day (2026-04-25), or so long ago (90m, 7d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only records of this kind; may be given several times
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Vec<Kind>,
    /// Only a session's records: its id, or its root's process id
    #[arg(long, value_name = "ID", value_parser = id)]
    session: Option<String>,
}

impl Filter {
    pub fn admits(&self, link: &Link) -> bool {
        let record = &link.record;
        let is_meant = |session: &String| {
            record.session.as_deref().is_some_and(|id| {
                id == session || id.split_once('-').is_some_and(|(root, _)| root == session)
            })
        };
        self.since.is_none_or(|since| record.at >= since)
            && (self.kind.is_empty() || self.kind.contains(&record.kind))
            && self.session.as_ref().is_none_or(is_meant)
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|kind| kind.word() == text);
    known.ok_or_else(|| format!("expected one of {}", Kind::ALL.map(Kind::word).join(", ")))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    moment_before(text, &Zoned::now())
}

/// A day begins where `now` is; what is so long ago is counted back from there.
fn moment_before(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let wrong =
        || "expected a time (2026-04-25T10:00:00Z), a day (2026-04-25), or so long ago (90m, 7d)".to_owned();
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<Date>() {
        let zone: &TimeZone = now.time_zone();
        return day.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).map_err(|_| wrong());
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    if span.is_negative() {
        return Err(wrong());
    }
    now.checked_sub(span).map(|then| then.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_so_long_ago() {
        let now: Zoned = "2026-04-25T10:00:00+02:00[+02:00]".parse().unwrap();
        for (text, expected) in [
            ("2026-04-24T23:00:00Z", "2026-04-24T23:00:00Z"),
            ("2026-04-25", "2026-04-24T22:00:00Z"),
            ("90m", "2026-04-25T06:30:00Z"),
            ("7d", "2026-04-18T08:00:00Z"),
            ("1h30m", "2026-04-25T06:30:00Z"),
        ] {
            assert_eq!(moment_before(text, &now), Ok(expected.parse().unwrap()), "{text}");
        }
        for wrong in ["", "soon", "7", "-1h", "2026-13-01"] {
            assert!(moment_before(wrong, &now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_kind_is_told_the_right_ones() {
        assert_eq!(kind("approve"), Ok(Kind::Approve));
        assert!(kind("aprove").unwrap_err().contains("hold, approve, deny"));
    }
}
