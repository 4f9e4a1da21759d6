//! What a problem of the configuration must not quote.

use super::notify::SHOWN_KEYS;
use interlock_core::problem::Problem;

/// A line that holds an address to write to, which lets whoever knows it in, is in no journal: problems say where it is.
pub fn without_addresses(mut problem: Problem) -> Problem {
    let of_target = problem.field.starts_with("notify");
    let is_address = |source: &String| {
        let key = source.split_once('=').map(|(key, _)| key.trim());
        source.contains("://") || of_target && key.is_some_and(|key| !SHOWN_KEYS.contains(&key))
    };
    problem.source = problem.source.filter(|source| !is_address(source));
    problem
}
