#![no_main]

use interlock_core::rules::{DEFAULT, RuleSet};

// Any text is a set of rules or a list of problems that can be shown; beside a sound file, so that lists, overrides and
// exceptions by name have something to name.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let files = [("10-default.yaml".into(), DEFAULT.to_owned()), ("20-fuzz.yaml".into(), text.clone())];
    for files in [&files[..], &[("fuzz.yaml".into(), text)]] {
        match RuleSet::parse(files) {
            Ok(rules) => assert!(!rules.is_empty()),
            Err(problems) => assert!(!problems.is_empty() && !problems.to_string().is_empty()),
        }
    }
});
