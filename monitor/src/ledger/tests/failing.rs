//! A ledger whose disk fails.

use super::*;

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
