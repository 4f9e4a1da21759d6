//! Values in words, and words as values.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

pub use interlock_core::plain::plain;

/// The API's word for a value of one of its enums.
pub fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

/// `10m`, `1h`, `30s`, `1h30m`; at least a second.
///
/// # Errors
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a duration as 30s, 10m, 1h or 1h30m".to_owned();
    let mut seconds = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let (unit, tail) = tail.split_at_checked(1).ok_or_else(wrong)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        seconds = number.checked_mul(factor).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        rest = tail;
    }
    if seconds == 0 { Err(wrong()) } else { Ok(Duration::from_secs(seconds)) }
}

/// An id as the daemon gives them: it becomes a part of a path.
///
/// # Errors
/// What was expected.
pub fn id(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.is_empty() && text.len() <= 128 && text.bytes().all(fits) && !text.starts_with('.') {
        return Ok(text.into());
    }
    Err("expected an id as `interlock holds`, `ps` and `events` print it".into())
}

/// `8s`, `2m10s`, `1h05m`, `3d04h`; a moment that has not come yet is `0s` ago.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// As [`duration`] reads it.
pub fn spelled(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// `9 ms`, `12.3 s`, `4 min`, `2 h`.
pub fn ago(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..120_000 => format!("{}.{} s", milliseconds / 1000, milliseconds / 100 % 10),
        120_000..7_200_000 => format!("{} min", milliseconds / 60_000),
        _ => format!("{} h", milliseconds / 3_600_000),
    }
}

/// Date and time to the millisecond.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// Date and time to the second.
pub fn date(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h", 3600), ("1h30m", 5400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(spelled(Duration::from_secs(seconds)), text);
        }
        for wrong in ["", "10", "m", "10d", "-1m", "0s", "10ms", "99999999999999999999h", "1µ"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_one_part_of_a_path() {
        for good in ["h1", "4711-0a1b2", "e_1.2"] {
            assert_eq!(id(good), Ok(good.into()));
        }
        for wrong in ["", "..", "a/b", "a b", "h1?all=true", "h%31", "ü"] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_are_short() {
        let start = Timestamp::UNIX_EPOCH;
        let after = |seconds| Timestamp::from_second(seconds).unwrap();
        let ages = [8, 130, 3900, 273_600].map(|seconds| since(start, after(seconds)));
        assert_eq!(ages, ["8s", "2m10s", "1h05m", "3d04h"]);
        assert_eq!(since(after(9), start), "0s");
    }
}
