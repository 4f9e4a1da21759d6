//! A copy of a secret is a secret, also for another session.

use std::fs;

use super::fixture::Fixture;

/// As long as tokens are.
const TOKEN: &str = "not-a-real-token-1";

fn fixture() -> Option<Fixture> {
    let fixture = Fixture::new()?;
    let store = fixture.home.path().join(".railway/config.json");
    fs::write(store, format!(r#"{{"token":"{TOKEN}"}}"#)).unwrap();
    Some(fixture)
}

/// One session reads the secret and writes; another one reads what was written, and its request is held.
fn is_held_after(writes: &str, reads: &str) {
    let Some(fixture) = fixture() else { return };
    let _ = fixture.run(writes).finish();
    let agent = fixture.run(&format!("{reads}; {}", fixture.request()));
    fixture.is_held(&agent);
    assert!(agent.output().contains(TOKEN), "nothing was copied: {}", agent.output());
    let read = fixture.reported("secret-read", |event| event["interlock.secret.copy"] == true);
    assert!(read["file.path"].as_str().unwrap().ends_with("/work/notes"), "{read}");
    assert_eq!(read["interlock.secret.entry"], "railway-cli", "{read}");
}

#[test]
fn what_one_session_copies_another_one_reads() {
    is_held_after("cp ~/.railway/config.json notes", "cat notes");
}

#[test]
fn what_is_written_to_a_file_that_was_open_before() {
    is_held_after("cat ~/.railway/config.json > notes", "cat notes");
}

#[test]
fn what_goes_through_a_pipe_and_gets_another_name() {
    is_held_after(
        "cat ~/.railway/config.json | sed s/token/key/ > other; mv other notes; exec true",
        "cat notes",
    );
}

#[test]
fn what_else_a_session_wrote_is_a_file_like_others() {
    let Some(fixture) = fixture() else { return };
    let writes = "cat ~/.railway/config.json > /dev/null; echo nothing of it > notes; cp readme copy";
    let _ = fixture.run(writes).finish();
    let agent = fixture.run(&format!("cat notes copy; {}", fixture.request()));
    fixture.goes_on(&agent);
    assert!(
        fixture.daemon.events("secret-read").iter().all(|event| event["interlock.secret.copy"].is_null())
    );
}
