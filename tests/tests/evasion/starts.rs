//! Work that is left in a file which somebody else runs later.

use std::fs;

use interlock_tests::{
    agent::READ_SECRET,
    backend::{Backend, not_here},
    wait,
};

use super::fixture::Fixture;

/// A file of a person's, and how it is written to.
fn is_reported(act: &str, service: &str, path: &str) {
    let Some(fixture) = Fixture::new() else { return };
    fs::write(fixture.home.path().join(".bashrc"), "# a person's\n").unwrap();
    let _ = fixture.run(act).finish();
    let event = fixture.reported("delegate", |event| event["interlock.delegate.how"] == "file");
    assert_eq!(event["interlock.delegate.service"], service, "{event}");
    assert!(event["interlock.delegate.path"].as_str().unwrap().ends_with(path), "{event}");
}

#[test]
fn a_line_in_a_shells_start_file_is_told() {
    is_reported("echo true >> ~/.bashrc", "shell-start", "/.bashrc");
}

#[test]
fn a_new_hook_of_version_control_is_told() {
    is_reported(
        "mkdir -p .git/hooks; echo true > .git/hooks/pre-commit",
        "git-hook",
        "/.git/hooks/pre-commit",
    );
}

#[test]
fn what_is_written_beside_it_and_renamed_into_its_place() {
    let Some(fixture) = Fixture::new() else { return };
    let _ = fixture.run("echo true > ~/.new; mv ~/.new ~/.bashrc").finish();
    if !fixture.backend().sees_everything() {
        return not_here("renames have no hook");
    }
    let event = fixture.reported("delegate", |event| event["interlock.delegate.how"] == "file");
    assert!(event["interlock.delegate.path"].as_str().unwrap().ends_with("/.bashrc"), "{event}");
}

#[test]
fn after_a_foreign_secret_it_waits_for_a_person() {
    let Some(fixture) = Fixture::new() else { return };
    let rc = fixture.home.path().join(".bashrc");
    fs::write(&rc, "# a person's\n").unwrap();
    let mut agent = fixture.run(&format!("{READ_SECRET}; echo true >> ~/.bashrc"));
    if fixture.backend() != Backend::Lsm {
        not_here("an open is seen after it began");
        let _ = agent.finish();
        fixture.reported("delegate", |event| event["interlock.degraded"] == "hold");
        return;
    }
    let hold = wait::until("it waits", || match fixture.daemon.holds().as_slice() {
        [hold] => Ok(hold["id"].as_str().unwrap().to_owned()),
        other => Err(other.to_vec()),
    });
    assert_eq!(fs::read_to_string(&rc).unwrap(), "# a person's\n");
    fixture.daemon.expect(&["deny", &hold]);
    let _ = agent.finish();
    assert_eq!(fs::read_to_string(&rc).unwrap(), "# a person's\n");
}
