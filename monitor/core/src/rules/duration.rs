//! Durations as rules write them.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// A duration in the largest unit that says it exactly, as rules write it.
pub fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let exact = units.into_iter().find(|(unit, _)| milliseconds.is_multiple_of(*unit));
    let (unit, name) = exact.unwrap_or((1, "ms"));
    format!("{}{name}", milliseconds / unit)
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
