#![no_main]

use std::{path::PathBuf, sync::{Arc, LazyLock}};

use interlock_core::{catalog::Catalog, rules::RuleSet, rule_test::{Cases, Runner}};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(RuleSet::builtin().expect("the built-in rules are right")));
static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::builtin().expect("the built-in catalogues are right"));

// Building the rules and the catalogue is no merit of an input.
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&RULES); LazyLock::force(&CATALOG); }, |bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let runner = Runner { rules: &RULES, catalog: &CATALOG };
    match Cases::parse(&[(PathBuf::from("a.yaml"), text.to_owned())], &RULES) {
        Ok(cases) => cases.iter().for_each(|case| drop(runner.run(case))),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
