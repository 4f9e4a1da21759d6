//! How long something may last: the one grammar of times in the configuration.

use std::time::Duration;

use interlock_core::rules::of_unit;

/// Without a key of the configuration, the longest that the glass may be broken.
pub const BREAK_GLASS: Duration = Duration::from_secs(3600);
/// The longest that a configuration can allow.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What [`parse`] takes, in words.
pub const SPAN: &str = "a time such as 90s, 15m or 1h, at most 24h, as a string";

/// `90s`, `15m`, `1h`: at least a second, and at most 24 h.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let span = of_unit(number, unit).filter(|_| unit != "ms")?; // whole seconds alone
    (!span.is_zero() && span <= LONGEST).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_its_unit_of_at_most_a_day() {
        assert_eq!(parse("15m"), Some(Duration::from_secs(900)));
        assert_eq!((parse("90s"), parse("24h")), (Some(Duration::from_secs(90)), Some(LONGEST)));
        for wrong in ["", "15", "m", "0s", "25h", "1d", "-1m", "99999999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
