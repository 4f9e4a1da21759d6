#![no_main]

use std::sync::LazyLock;

use interlock_core::{replay, rules::RuleSet};

static RULES: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().expect("the built-in rules are right"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match replay::read("r.jsonl", bytes) {
    Ok(record) => assert!(record.judge(&RULES).len() <= record.entries.len()),
    Err(problems) => assert!(!problems.is_empty()),
});
