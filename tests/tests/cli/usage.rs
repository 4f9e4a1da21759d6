//! Verbs that nobody answers, and lines that are none.

use interlock_tests::daemon::text;

use super::program::interlock;

#[test]
fn without_a_daemon_every_asking_verb_says_so() {
    for verb in [
        &["status"][..],
        &["ps"],
        &["holds"],
        &["approve", "h1"],
        &["events"],
        &["suggest", "1-00000"],
        &["run", "--", "true"],
    ] {
        let output = interlock(&[&["--socket", "/nowhere/control.sock"], verb].concat());
        assert_eq!(output.status.code(), Some(3), "{verb:?}: {}", text(&output));
        assert!(text(&output).contains("interlock daemon"), "{verb:?}: {}", text(&output));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [&["frobnicate"][..], &["approve"], &["events", "--output", "xml"], &["run"], &["suggest"]] {
        assert_eq!(interlock(args).status.code(), Some(2), "{args:?}");
    }
}
