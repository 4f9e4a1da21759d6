#![no_main]

use std::sync::{Arc, LazyLock};

use interlock_core::{replay, rules::RuleSet};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::builtin().expect("the built-in rules are right")));

// Building the rules is no merit of an input.
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&RULES); }, |bytes: &[u8]| match replay::read("r.jsonl", bytes) {
    Ok(record) => assert!(record.judge(&RULES).len() <= record.entries.len()),
    Err(problems) => assert!(!problems.is_empty()),
});
