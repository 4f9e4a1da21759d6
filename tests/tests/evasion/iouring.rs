//! The secret opened by io_uring, where no system call names it.

use interlock_tests::{
    backend::{Backend, not_here},
    daemon::Settings,
};

use super::fixture::{ENTRY, Fixture, TOKEN, python};

const DENY_OPEN: &str = "
version: 1
builtin: replace
rules:
  - id: deny-open
    summary: A credential is about to be opened.
    on: open
    match: { secret: { grade: A, foreign: true } }
    action: deny
";

#[test]
fn openat() {
    is_held_after("openat");
}

#[test]
fn openat2() {
    is_held_after("openat2");
}

fn is_held_after(operation: &str) {
    let Some(fixture) = Fixture::new() else { return };
    let act = format!("uring_open {operation}");
    if !fixture.anybody_can(&act) {
        not_here("the kernel gives no io_uring");
        return;
    }
    if fixture.backend().sees_everything() {
        fixture.is_held_after(&python(&act));
        return;
    }
    not_here("what io_uring opens cannot be told; the session counts as one that may have read anything");
    let agent = fixture.run(&format!("{}; {}", python(&act), fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "{}", agent.output());
    let _ = fixture.daemon.the_event("unseen-open");
    assert_eq!(fixture.daemon.json(&["ps"])[0]["incomplete"], true);
}

#[test]
fn an_open_that_a_rule_denies() {
    let Some(fixture) = Fixture::with(|_| Settings { rules: Some(DENY_OPEN.into()), ..Settings::default() })
    else {
        return;
    };
    if !fixture.anybody_can("uring_open openat") {
        not_here("the kernel gives no io_uring");
        return;
    }
    let mut agent = fixture.run(&python("uring_open openat"));
    let output = agent.finish();
    match fixture.backend() {
        Backend::Lsm => {
            assert!(output.contains("refused 1 ") && !output.contains(TOKEN), "{output}");
            let _ = fixture.reported("syscall-denied", |event| event["interlock.secret.entry"] == ENTRY);
        }
        Backend::Tracing => {
            not_here("an open is seen after it happened");
            assert_eq!(fixture.was_read(ENTRY)["interlock.degraded"], "deny");
        }
        Backend::Portable | Backend::Nothing => {
            not_here("what io_uring opens cannot be told");
            let _ = fixture.daemon.the_event("unseen-open");
        }
    }
}
