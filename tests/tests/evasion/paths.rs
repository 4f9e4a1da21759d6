//! The secret by every other name: it is known by its inode where it exists, by its name where it appears later.

use std::fs;

use interlock_tests::{
    backend::{Backend, not_here},
    daemon::Settings,
    wait,
};

use super::fixture::{A_WHILE, Fixture, TOKEN, python};

/// Whose name alone betrays it, in another project.
const ENV: &str = "~/other/.env";

/// A fixture on which somebody else has made another project's `.env`: what a session makes itself is its own.
fn with_env() -> Option<Fixture> {
    let fixture = Fixture::new()?;
    std::fs::write(fixture.home.path().join("other/.env"), "TOKEN=not-real\n").unwrap();
    Some(fixture)
}

#[test]
fn a_file_that_is_no_secret_holds_nothing() {
    let Some(fixture) = Fixture::new() else { return };
    let mut agent = fixture.run(&format!("cat readme; {}", fixture.request()));
    assert!(agent.finish().contains("ok"), "{}", agent.output());
    assert!(fixture.daemon.holds().is_empty());
}

#[test]
fn a_symbolic_link() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after("ln -s ~/.railway innocent; ln -s innocent/config.json more; cat more");
}

#[test]
fn a_hard_link_from_before_the_daemon() {
    let link = |home: &interlock_tests::agent::Home| {
        fs::hard_link(home.path().join(".railway/config.json"), home.path().join("hard")).unwrap();
        Settings::default()
    };
    let Some(fixture) = Fixture::with(link) else { return };
    fixture.is_held_after("cat ~/hard");
}

#[test]
fn a_hard_link_made_by_the_agent() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after("ln ~/.railway/config.json hard; cat hard");
}

#[test]
fn a_rename() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after("mv ~/.railway/config.json innocent; cat innocent");
}

#[test]
fn a_rename_of_its_directory() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after("mv ~/.railway innocent; cat innocent/config.json");
}

/// Another project's file, which nobody of the session made.
fn other_projects_env(fixture: &Fixture) {
    std::fs::write(fixture.home.path().join("other/.env"), format!("TOKEN={TOKEN}\n")).unwrap();
}

#[test]
fn a_foreign_file_mounted_among_a_librarys() {
    let Some(fixture) = Fixture::new() else { return };
    other_projects_env(&fixture);
    let inside = "mount --bind ~/other node_modules/x && cat node_modules/x/.env && sleep 1";
    fixture.is_held_after_reading(&format!("mkdir -p node_modules/x; unshare -m sh -c '{inside}'"), "dotenv");
}

#[test]
fn a_foreign_directory_renamed_to_a_librarys() {
    let Some(fixture) = Fixture::new() else { return };
    other_projects_env(&fixture);
    fixture.is_held_after_reading("mv ~/other ~/node_modules; cat ~/node_modules/.env; sleep 1", "dotenv");
}

#[test]
fn a_copy() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after("cp ~/.railway/config.json innocent; cat innocent");
}

#[test]
fn a_hard_link_to_a_file_that_only_its_name_betrays() {
    is_followed(&format!("ln {ENV} innocent"), "link");
}

#[test]
fn a_rename_of_a_file_that_only_its_name_betrays() {
    is_followed(&format!("mv {ENV} innocent"), "rename");
}

/// The new name must keep counting as the secret.
fn is_followed(renaming: &str, how: &str) {
    let Some(fixture) = with_env() else { return };
    if fixture.backend().sees_everything() {
        fixture.is_held_after_reading(&format!("{renaming}; cat innocent"), "dotenv");
        let event = fixture.reported("secret-link", |event| event["interlock.link.how"] == how);
        assert_eq!(event["interlock.secret.entry"], "dotenv", "{event}");
        return;
    }
    not_here("links and renames have no hook; a file that only its name betrays is known by that name");
    fixture.is_held_after_reading(&format!("cat {ENV}"), "dotenv");
}

#[test]
fn a_directory_renamed_around_a_file_that_only_its_name_betrays() {
    let Some(fixture) = with_env() else { return };
    fixture.is_held_after_reading("mv ~/other ~/innocent; cat ~/innocent/.env", "dotenv");
}

#[test]
fn another_projects_directory_moved_into_the_workspace() {
    let Some(fixture) = with_env() else { return };
    let trick = "mv ~/other innocent; cat innocent/.env";
    if fixture.backend().sees_everything() {
        fixture.is_held_after_reading(trick, "dotenv");
        return;
    }
    not_here("renames have no hook; what lies in the workspace counts as the workspace's own");
    let mut agent = fixture.run(trick);
    assert!(agent.finish().contains(TOKEN), "{}", agent.output());
    let read = fixture.daemon.the_event("secret-read");
    assert_eq!(
        (&read["interlock.secret.entry"], &read["interlock.secret.foreign"]),
        (&"dotenv".into(), &false.into()),
        "{read}"
    );
}

#[test]
fn a_bind_mount() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("in_own_mounts bind-directory"));
    mounting_is_reported(&fixture);
}

#[test]
fn a_mount_namespace_of_its_own_with_the_file_mounted_over_another() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("in_own_mounts bind-file"));
    mounting_is_reported(&fixture);
}

fn mounting_is_reported(fixture: &Fixture) {
    if fixture.backend().sees_everything() {
        let _ = fixture.daemon.the_event("mount");
    } else {
        not_here("mounts have no hook; what is mounted elsewhere keeps its inode");
    }
}

#[test]
fn a_user_namespace() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can("in_user_namespace true") {
        not_here("the kernel gives no user namespaces");
        return;
    }
    fixture.is_held_after(&python("in_user_namespace cat ~/.railway/config.json"));
}

#[test]
fn another_root() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("chrooted"));
}

#[test]
fn the_proc_file_system_as_a_detour() {
    for detour in [
        "cat /proc/self/root$HOME/.railway/config.json",
        "exec 9<~/.railway; cat /proc/self/fd/9/config.json",
        "cd ~/.railway; bash -c 'cd /; cat /proc/$PPID/cwd/config.json; true'; cd ~",
        "cat /proc/thread-self/cwd/../.railway/config.json",
    ] {
        let Some(fixture) = Fixture::new() else { return };
        println!("{detour}");
        fixture.is_held_after(detour);
    }
}

#[test]
fn openat2_with_its_ways_to_resolve() {
    for flags in ["beneath", "in-root", "no-links"] {
        let Some(fixture) = Fixture::new() else { return };
        fixture.is_held_after(&python(&format!("openat2 {flags}")));
    }
}

#[test]
fn a_path_descriptor_opened_again() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("reopened"));
}

#[test]
fn a_file_handle() {
    let Some(fixture) = Fixture::new() else { return };
    if !fixture.anybody_can("by_handle") {
        not_here("this file system gives no handles");
        return;
    }
    if fixture.backend() == Backend::Portable {
        not_here("open_by_handle_at has no tracepoint of ours; it needs CAP_DAC_READ_SEARCH");
        fixture.is_held_after("cat ~/.railway/config.json");
        return;
    }
    fixture.is_held_after(&python("by_handle"));
}

#[test]
fn a_file_that_appears_after_the_start() {
    let Some(fixture) = Fixture::new() else { return };
    let (home, begun) = (fixture.home.path().to_owned(), fixture.home.path().join("work/begun"));
    let made = std::thread::spawn(move || {
        wait::until("the session begins", || if begun.exists() { Ok(()) } else { Err(()) });
        std::fs::create_dir_all(home.join("other/new/clone")).unwrap();
        std::fs::write(home.join("other/new/clone/.env"), "TOKEN=not-real\n").unwrap();
    });
    let waits = "touch begun; until [ -s ~/other/new/clone/.env ]; do sleep 0.05; done";
    fixture.is_held_after_reading(&format!("{waits}; cat ~/other/new/clone/.env"), "dotenv");
    made.join().unwrap();
}

#[test]
fn a_directory_renamed_into_place() {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.run(&format!(
        "mkdir ~/made; echo '{TOKEN}' > ~/made/credentials; mv ~/made ~/.aws; cat ~/.aws/credentials\n{}",
        fixture.request()
    ));
    fixture.is_held(&agent);
    fixture.reported("secret-read", |event| {
        event["file.path"].as_str().is_some_and(|path| path.ends_with(".aws/credentials"))
    });
}

#[test]
fn a_path_longer_than_any_buffer() {
    let Some(fixture) = Fixture::new() else { return };
    fixture.is_held_after(&python("by_long_path"));
}

#[test]
fn a_place_deeper_than_any_buffer() {
    let Some(fixture) = Fixture::new() else { return };
    let _ = fixture.home.run_unwatched(&python("make_deep_place")).finish();
    fixture.is_held_after_reading(&python("in_deep_place"), "dotenv");
}

#[test]
fn ten_thousand_other_files_between_the_secret_and_the_connection() {
    let Some(fixture) = Fixture::new() else { return };
    let agent = fixture.is_held_after(&format!("cat ~/.railway/config.json; {}", python("opens_many 10000")));
    assert!(agent.output().contains("opened 10000"), "{}", agent.output());
    wait::throughout("held", A_WHILE, || fixture.server.silent());
}
