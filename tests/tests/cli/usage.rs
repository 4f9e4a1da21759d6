//! Verbs that nobody answers, and lines that are none.

use interlock_tests::daemon::text;

use super::program::interlock;

#[test]
fn without_a_daemon_every_asking_verb_says_so() {
    for verb in
        [&["status"][..], &["ps"], &["holds"], &["approve", "h1"], &["events"], &["suggest", "1-00000"]]
    {
        let output = interlock(&[&["--socket", "/nowhere/control.sock"], verb].concat());
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {}", text(&output));
        assert!(text(&output).contains("interlock daemon"), "{verb:?}: {}", text(&output));
    }
}

#[test]
fn a_command_that_was_not_started_ends_with_the_codes_of_env() {
    let output = interlock(&["--socket", "/nowhere/control.sock", "run", "--", "true"]);
    assert_eq!(output.status.code(), Some(125), "{}", text(&output));
    assert!(text(&output).contains("interlock daemon"), "{}", text(&output));
}

#[test]
fn output_may_be_chosen_before_the_verb_or_after_it() {
    for args in [&["--output", "json", "version"][..], &["version", "--output", "json"]] {
        let output = interlock(args);
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(printed["version"].is_string(), "{args:?}: {}", text(&output));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [&["frobnicate"][..], &["approve"], &["events", "--output", "xml"], &["run"], &["suggest"]] {
        assert_eq!(interlock(args).status.code(), Some(2), "{args:?}");
    }
}
