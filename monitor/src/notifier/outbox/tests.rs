use std::fs;

use jiff::Timestamp;

use super::*;
use crate::{config::Class, notifier::notice::Notice};
use interlock_core::facts::Severity;

fn letter(key: &str, class: Class) -> Letter {
    let at = Timestamp::UNIX_EPOCH;
    Letter::new("a", Notice::new(key, class, Severity::High, at), at)
}

#[test]
fn letters_are_found_again_in_their_order_and_one_that_makes_no_sense_is_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(dir.path()).unwrap();
    for number in 1..=11 {
        assert!(outbox.add(letter(&format!("e{number}"), Class::Freeze)).is_empty());
    }
    outbox.change(2, |letter| letter.attempts = 7);
    outbox.remove(3);
    fs::write(dir.path().join("5.json"), "{\"half").unwrap();
    fs::copy(dir.path().join("6.json"), dir.path().join("99.json")).unwrap();
    fs::write(dir.path().join("half"), "{").unwrap();

    let again = Outbox::open(dir.path()).unwrap();
    let keys: Vec<_> = again.letters().map(|letter| letter.notice.key.as_str()).collect();
    assert_eq!(keys, ["e1", "e2", "e4", "e6", "e7", "e8", "e9", "e10", "e11"]);
    assert_eq!(again.get(2).unwrap().attempts, 7);
    assert_eq!(again.next, 12);
    assert!(dir.path().join("5.unreadable").exists() && dir.path().join("99.unreadable").exists());
}

#[test]
fn a_disk_that_takes_nothing_keeps_nobody_from_being_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
    fs::remove_dir(dir.path().join("outbox")).unwrap();
    outbox.add(letter("h1", Class::Hold));
    assert_eq!((outbox.letters().count(), outbox.unwritten()), (1, 1));
}

#[test]
fn the_same_matter_has_the_same_id_and_another_one_another() {
    let (first, second) = (letter("h1", Class::Hold), letter("h1", Class::Hold));
    assert_eq!(first.id, second.id);
    assert_ne!(first.id, letter("h2", Class::Hold).id);
    assert_ne!(first.id, Letter::new("b", first.notice.clone(), first.not_before).id);
}
