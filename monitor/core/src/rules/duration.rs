//! Durations as rules write them.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Longest span that a rule or a case may name: sessions rarely live longer.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Units of a duration and their milliseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// So many of a unit, both as written; `None` for what is no number or no unit, or does not fit.
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
}
