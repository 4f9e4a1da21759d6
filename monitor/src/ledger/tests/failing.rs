//! A ledger whose disk fails.

use super::{pending::Pending, *};
use crate::logfile::Change;

/// Takes every line, and cannot be brought to a disk.
fn no_disk() -> File {
    OpenOptions::new().read(true).append(true).open("/dev/null").unwrap()
}

fn kept(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("ledger.head")).unwrap().trim_end().to_owned()
}

#[test]
fn after_a_sync_that_failed_nothing_is_kept_as_acknowledged_though_the_next_would_succeed() {
    let (dir, path) = ledger(1);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let before = kept(&dir);
    ledger.note(record(2)).unwrap();
    let disk = std::mem::replace(&mut ledger.file, no_disk());
    assert!(ledger.is_in_order() && !ledger.is_settled());
    assert!(ledger.sync().is_err());
    ledger.file = disk;
    let again = ledger.sync().unwrap_err().to_string();
    assert!(again.contains("unknown state"), "{again}");
    assert!(!ledger.is_settled() && !ledger.is_ahead(), "nobody may sign it");
    assert_eq!(kept(&dir), before);
    assert!(ledger.append(record(3)).is_err());
    assert_eq!(records(&path), 2, "nothing is written behind what may be lost");
    drop(ledger);
    assert!(Ledger::open(dir.path()).unwrap().is_settled(), "a restart puts it in order");
}

#[test]
fn an_append_that_does_not_settle_takes_what_was_noted_with_it() {
    let (dir, _) = ledger(1);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let before = kept(&dir);
    ledger.note(record(2)).unwrap();
    let disk = std::mem::replace(&mut ledger.file, no_disk());
    assert!(ledger.append(record(3)).is_err());
    ledger.file = disk;
    assert!(ledger.sync().is_err(), "the disk told its error once, and it is not forgotten");
    assert!(!ledger.is_settled());
    assert_eq!(kept(&dir), before);
}

#[test]
fn what_was_noticed_stays_what_it_was_until_a_new_file_can_be_begun() {
    let (dir, path) = ledger(3);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    // As a full disk leaves it: what was rewritten has its new name, and nothing could be begun in its place.
    let aside = dir.path().join("ledger.cut-4");
    fs::rename(&path, &aside).unwrap();
    let before = fs::read(&aside).unwrap();
    ledger.pending = Some(Pending::Changed(Change::Rewritten, Some(aside.clone())));
    fs::create_dir(&path).unwrap();
    assert!(ledger.append(record(4)).is_err());
    assert!(ledger.look().is_err() && !ledger.is_settled());
    assert_eq!(fs::read(&aside).unwrap(), before, "the evidence is untouched");
    fs::remove_dir(&path).unwrap();
    assert_eq!(ledger.append(record(4)).unwrap().seq, 5);
    let rotations = ledger.take_rotations();
    assert_eq!((rotations.len(), rotations[0].change), (1, Change::Rewritten));
    assert_eq!(rotations[0].moved_to.as_ref(), Some(&aside));
    assert!(ledger.is_settled());
}

#[test]
fn a_start_that_cannot_be_ended_yet_writes_nothing_and_ends_later() {
    let (dir, path) = ledger(2);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"torn").unwrap();
    let name = |number: usize| dir.path().join(format!("ledger.torn-3.{number}"));
    fs::write(dir.path().join("ledger.torn-3"), "").unwrap();
    (1..=1000).for_each(|number| fs::write(name(number), "").unwrap());
    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert!(ledger.append(record(3)).is_err() && !ledger.is_settled());
    assert!(fs::read_to_string(&path).unwrap().ends_with("torn"));
    fs::remove_file(name(7)).unwrap();
    let head = ledger.append(record(3)).unwrap();
    assert_eq!(fs::read_to_string(name(7)).unwrap(), "torn");
    assert_eq!(ledger.torn().unwrap().bytes, 4);
    assert_eq!(verify(&path).unwrap(), Summary { records: 3, head });
}
