//! The compiler of what is fuzzed: our own crates count which of their regions run, what they depend on does not.
//!
//! The flags are those of cargo-fuzz without the sanitizer, and stable. cargo has no stable way to give them to some crates alone.

use std::process::ExitCode;

use anyhow::Result;

use crate::compiler::StandIn;

pub const STAND_IN: StandIn = StandIn("INTERLOCK_XTASK_AS_COUNTING_RUSTC");

/// What is fuzzed.
const OURS: [&str; 3] = ["interlock_core", "interlock_host", "monitor_common"];
/// A counter for every region, where libFuzzer finds them, and the sides of comparisons, which it learns from. cargo does
/// not see these: whoever changes them removes `target/fuzz`.
const COUNTING: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Becomes the rustc that cargo named.
///
/// # Errors
/// rustc cannot be started.
pub fn run() -> Result<ExitCode> {
    STAND_IN.run(|mut words| {
        words.extend(added(&words).iter().map(|word| (*word).to_owned()));
        words
    })
}

fn added(words: &[String]) -> &'static [&'static str] {
    let is_ours = |pair: &[String]| pair[0] == "--crate-name" && OURS.contains(&pair[1].as_str());
    if words.windows(2).any(is_ours) { &COUNTING } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_crates_count_and_no_others() {
        let flags = |line: &str| added(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).len();
        assert_eq!(flags("--crate-name interlock_core --edition=2024 src/lib.rs"), COUNTING.len());
        assert_eq!(flags("--crate-name regex src/lib.rs --extern interlock_core"), 0);
        assert_eq!(flags("-vV"), 0);
    }
}
