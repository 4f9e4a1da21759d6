//! `duration("1h30m")`: one or more whole numbers with their units, signed.

/// Nanoseconds of a duration as guards write it.
pub fn parse(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut sum: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let nanoseconds: i64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        sum = sum.checked_add(number.parse::<i64>().ok()?.checked_mul(nanoseconds)?)?;
        rest = tail;
    }
    Some(sign * sum)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn durations_are_whole_numbers_with_units() {
        assert_eq!(parse("5s"), Some(5_000_000_000));
        assert_eq!(parse("1h30m"), Some(5_400_000_000_000));
        assert_eq!(parse("-250ms"), Some(-250_000_000));
        for text in ["", "-", "5", "s", "1.5h", "1d", "5s5", "99999999999h", "1 h"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
