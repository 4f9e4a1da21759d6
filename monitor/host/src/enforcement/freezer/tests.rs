//! On directories that look like groups; `tests/` does the same with the kernel's.

use std::{fs, path::Path};

use monitor_common::label::session_id;

use super::{enclosing::Enclosing, *};

const INSIDE: u32 = 4_194_304; // one more than any process has

fn group(above: &Path, session: SessionId, inside: &str) -> PathBuf {
    let directory = above.join(name(session));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("cgroup.procs"), inside).unwrap();
    fs::write(directory.join("cgroup.freeze"), "1").unwrap();
    fs::write(directory.join("cgroup.events"), "populated 1\nfrozen 1\n").unwrap();
    directory
}

fn freezer(mount: &Path) -> Freezer {
    let hierarchy = Hierarchy::at(mount);
    let found = hierarchy.freezers();
    Freezer { hierarchy: Some(hierarchy), found, ..Freezer::default() }
}

#[test]
fn groups_are_found_wherever_they_stand_and_belong_to_whom_they_are_named_after() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (SessionId(session_id(7, 1_000)), SessionId(session_id(8, 2_000)));
    let deep = dir.path().join("user.slice/a.scope");
    let groups = [group(dir.path(), own, "5\n6\n"), group(&deep, own, "9\n"), group(&deep, other, "10\n")];
    let mut freezer = freezer(dir.path());
    assert_eq!(freezer.processes(own), [0_u32; 0], "nobody's before it is claimed");
    freezer.claim(own);
    let mut processes = freezer.processes(own);
    processes.sort_unstable();
    assert_eq!(processes, [5, 6, 9]);
    assert!(freezer.stands(own));
    assert_eq!(freezer.unclaimed(), groups[2..]);
    fs::write(groups[1].join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
    assert!(!freezer.stands(own), "one of its groups runs");
}

#[test]
fn what_was_claimed_for_a_session_that_is_over_is_told_as_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let (over, lives) = (SessionId(session_id(7, 1_000)), SessionId(session_id(8, 2_000)));
    let left = group(dir.path(), over, "5\n");
    group(dir.path(), lives, "6\n");
    let mut freezer = freezer(dir.path());
    freezer.claim(over);
    freezer.claim(lives);
    freezer.keep(&[lives]);
    assert_eq!(freezer.unclaimed(), [left]);
    assert_eq!(freezer.processes(lives), [6]);
}

#[test]
fn who_cannot_go_back_runs_where_it_is_and_the_group_waits_to_be_left() {
    let dir = tempfile::tempdir().unwrap();
    let session = SessionId(session_id(7, 1_000));
    let directory = group(dir.path(), session, &format!("{INSIDE}\n")); // nothing above takes it
    let mut freezer = freezer(dir.path());
    freezer.claim(session);
    assert_eq!(freezer.release(session), Released { processes: [INSIDE].into(), standing: Vec::new() });
    assert_eq!(fs::read_to_string(directory.join("cgroup.freeze")).unwrap(), "0");
    assert!(freezer.is_leaving(), "{:?}", freezer.leaving);
    fs::remove_dir_all(&directory).unwrap();
    freezer.sweep();
    assert!(!freezer.is_leaving());
}

#[test]
fn who_can_neither_go_back_nor_be_thawed_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let session = SessionId(session_id(7, 1_000));
    let directory = group(dir.path(), session, &format!("{INSIDE}\n"));
    fs::remove_file(directory.join("cgroup.freeze")).unwrap();
    let mut freezer = freezer(dir.path());
    freezer.claim(session);
    assert_eq!(freezer.release(session).standing, [INSIDE]);
}

#[test]
fn without_a_hierarchy_nobody_is_taken() {
    let mut freezer = Freezer::default();
    let session = SessionId(session_id(7, 1_000));
    let error = Enclosing::new(&mut freezer, session).take(std::process::id()).unwrap_err();
    assert!(!has_ended(&error), "{error}: it would count as a process that has ended");
    assert_eq!(freezer.release(session), Released::default());
}

#[test]
fn a_group_that_is_gone_does_not_read_as_a_process_that_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut freezer =
        Freezer { hierarchy: Some(Hierarchy::at(&dir.path().join("gone"))), ..Freezer::default() };
    let error =
        Enclosing::new(&mut freezer, SessionId(session_id(7, 1_000))).take(std::process::id()).unwrap_err();
    assert!(!has_ended(&error), "{error}");
}
