//! Durations as rules write them.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::yaml::{Node, Report, Value};

/// Longest span that a rule or a case may name: sessions rarely live longer.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Units of a duration and their milliseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// So many of a unit, both as written; `None` for what is no number or no unit, or does not fit.
#[must_use]
pub fn of_unit(number: &str, unit: &str) -> Option<Duration> {
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*milliseconds).map(Duration::from_millis)
}

/// A duration in the largest unit that says it exactly, as rules write it.
pub fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let exact = UNITS.into_iter().find(|(_, unit)| milliseconds.is_multiple_of(u128::from(*unit)));
    let (name, unit) = exact.unwrap_or(("ms", 1));
    format!("{}{name}", milliseconds / u128::from(unit))
}

/// The same, for serde.
pub fn as_written<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*duration))
}

/// The same of a duration that may be absent.
pub fn as_written_if_any<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(written).serialize(serializer)
}

/// A duration: a whole number with a unit, `500ms`, `30s`, `10m`, `1h`, at most seven days.
pub fn duration(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Duration> {
    let duration = match &node.value {
        Value::Text(text) => parse_duration(text),
        _ => None,
    };
    if duration.is_none() {
        let problem = report.add(node.referenced, path, format!("found {}", node.value));
        problem.expected("a duration such as 500ms, 30s, 10m or 1h, above zero and at most 168h");
        if let Value::Integer(number) = node.value {
            problem.hint(format!("a number needs its unit: did you mean {number}s?"));
        }
    }
    duration
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let duration = of_unit(number, unit)?;
    (!duration.is_zero() && duration <= LONGEST).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_rules_write_them() {
        assert_eq!(written(Duration::from_millis(500)), "500ms");
        assert_eq!(written(Duration::from_secs(90)), "90s");
        assert_eq!(written(Duration::from_secs(600)), "10m");
        assert_eq!(written(Duration::from_secs(7200)), "2h");
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("10m"), Some(Duration::from_secs(600)));
        assert_eq!(parse_duration("168h"), Some(LONGEST));
        for text in ["", "s", "10", "0s", "169h", "-1s", "1.5h", "1 h", "1d", "99999999999999999999s"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }
}
