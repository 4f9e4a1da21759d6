//! The command line of the real binary: what it prints, and its exit codes (0 fine, 1 a negative answer, 2 usage, 3 no
//! daemon, 4 not permitted).
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod cli {
    mod drill;
    mod mistakes;
    mod program;
    mod rule_tests;
    mod rules;
    mod start;
    mod suggest;
    mod usage;
}
