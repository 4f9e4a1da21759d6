//! What `cargo test -- --show-output` says about its tests.

use std::collections::BTreeSet;

use crate::tally::Tally;

/// How a test begins the line by which it says that it is left out, and why.
const SKIPPED: &str = "skipped: ";

/// What was said.
pub struct Report {
    pub tally: Tally,
    /// Why tests were left out, each reason once.
    pub reasons: BTreeSet<String>,
    /// Without what passed tests have printed.
    pub rest: String,
    /// Programs of tests that came to their end.
    pub binaries: u64,
}

/// Adds up every binary's tests. One that returned early because this machine lacks something has passed as far as libtest
/// knows; it has said `skipped: WHY`, and is counted as that.
pub fn read(output: &str) -> Report {
    let (mut tally, mut reasons, mut rest) = (Tally::default(), BTreeSet::new(), String::new());
    let mut binaries = 0;
    let (mut passed, mut told, mut left_out) = (false, false, 0);
    for line in output.lines() {
        passed = match line {
            "successes:" => true,
            "failures:" => false,
            line => passed && !line.starts_with("test result: "),
        };
        if !passed {
            if let Some((_, counts)) =
                line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
            {
                binaries += 1;
                tally += of_counts(counts);
            }
            rest.push_str(line);
            rest.push('\n');
            continue;
        }
        if line.starts_with("---- ") {
            told = false; // the next test's output
        }
        if let Some(why) = line.strip_prefix(SKIPPED).filter(|_| !told) {
            told = true;
            left_out += 1;
            reasons.insert(why.to_owned());
        }
    }
    tally.skipped += left_out;
    tally.passed = tally.passed.saturating_sub(left_out);
    Report { tally, reasons, rest, binaries }
}

/// `3 passed; 1 failed; 1 ignored; …`.
fn of_counts(counts: &str) -> Tally {
    let mut tally = Tally::default();
    for part in counts.split(';') {
        let Some((number, word)) = part.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match word {
            "passed" => tally.passed += number,
            "failed" => tally.failed += number,
            "ignored" => tally.skipped += number,
            _ => {}
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary_is_added() {
        let output = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(read(output).tally, Tally { passed: 6, failed: 2, skipped: 1 });
    }

    #[test]
    fn a_test_that_says_that_it_is_left_out_has_not_passed() {
        let output = "\nsuccesses:\n\n---- a::b stdout ----\nskipped: no btrfs\nskipped: no btrfs\n\n---- a::c stdout ----\n\
                      hello\nskipped: no root\n\nsuccesses:\n    a::b\n    a::c\n    a::d\n\n\
                      failures:\n\n---- a::e stdout ----\nskipped: it failed first\n\n\
                      test result: FAILED. 3 passed; 1 failed; 0 ignored\n";
        let Report { tally, reasons, rest, binaries } = read(output);
        assert_eq!(binaries, 1);
        assert_eq!(tally, Tally { passed: 1, failed: 1, skipped: 2 });
        assert_eq!(reasons.iter().map(String::as_str).collect::<Vec<_>>(), ["no btrfs", "no root"]);
        assert!(!rest.contains("hello") && rest.contains("it failed first"), "{rest}");
    }

    #[test]
    fn what_a_test_prints_is_not_counted() {
        assert_eq!(read("error: 9 failed\n").tally, Tally::default());
    }
}
