use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use interlock_core::record::{Kind, Who};
use serde_json::{Map, json};
use tempfile::TempDir;

use super::{chain::Link, tail::TAIL, *};

mod failing;
mod kept;
mod segments;
mod signed;

fn record(number: u64) -> Record {
    let mut detail = Map::new();
    detail.insert("number".to_owned(), json!(number));
    detail.insert("ratio".to_owned(), json!(0.1 + 0.2));
    Record {
        at: "2026-04-25T10:00:00.123456789Z".parse().unwrap(),
        boot: None,
        kind: Kind::Hold,
        who: Who::Rule("infra-after-foreign-secret".to_owned()),
        session: Some("4711-0a3f2".to_owned()),
        detail,
    }
}

/// A closed ledger of `records` records.
fn ledger(records: u64) -> (TempDir, PathBuf) {
    ledger_of(records, 0)
}

/// The same, of other records.
fn ledger_of(records: u64, first: u64) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    for number in 1..=records {
        assert_eq!(ledger.append(record(first + number)).unwrap().seq, number);
    }
    let path = ledger.path().to_owned();
    (dir, path)
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn faults(path: &Path) -> Vec<String> {
    verify(path).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_chain_goes_on_where_it_ended() {
    let (dir, path) = ledger(3);
    let mut again = Ledger::open(dir.path()).unwrap();
    assert_eq!(again.torn(), None);
    assert_eq!(again.head().seq, 3);
    let head = again.append(record(4)).unwrap();
    assert_eq!(verify(&path).unwrap(), Summary { records: 4, head });
    let line = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    assert!(
        line.starts_with(r#"{"seq":1,"at":"2026-04-25T10:00:00.123456789Z","kind":"hold","who":{"rule":"#),
        "{line}"
    );
}

#[test]
fn an_empty_ledger_is_whole() {
    let (_dir, path) = ledger(0);
    assert_eq!(verify(&path).unwrap(), Summary { records: 0, head: Head::START });
}

#[test]
fn every_changed_byte_is_found() {
    let (_dir, path) = ledger(3);
    let original = fs::read(&path).unwrap();
    // Bit 5 is a letter's case, also in the digits of the hashes.
    for (at, bit) in (0..original.len()).flat_map(|at| [0x01, 0x20].map(|bit| (at, bit))) {
        let mut bytes = original.clone();
        bytes[at] ^= bit;
        fs::write(&path, &bytes).unwrap();
        assert!(verify(&path).is_err(), "byte {at}, bit {bit:#x}");
    }
}

#[test]
fn an_edit_is_one_fault_at_its_line() {
    let (_dir, path) = ledger(4);
    edit(&path, |lines| lines[1] = lines[1].replace("\"number\":2", "\"number\":7"));
    assert_eq!(faults(&path), ["line 2 (record 2) was edited: its hash does not fit its content"]);
}

#[test]
fn a_forged_record_with_a_fitting_hash_does_not_link() {
    let (_dir, path) = ledger(4);
    edit(&path, |lines| {
        let (first, _, _) = Link::read(lines[0].as_bytes()).unwrap();
        let (_, hash, _) = Link::read(lines[0].as_bytes()).unwrap();
        let (forged, _) = Link::after(Head { seq: first.seq, hash }, record(7)).unwrap();
        lines[1] = String::from_utf8(forged).unwrap().trim_end().to_owned();
    });
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::NotLinked { line: 3, seq: 3 }]));
}

#[test]
fn cuts_and_moves_are_found() {
    let (_dir, path) = ledger(5);
    let original = fs::read(&path).unwrap();
    edit(&path, |lines| drop(lines.remove(0)));
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::OutOfOrder { line: 1, expected: 1, found: 2 }]));

    fs::write(&path, &original).unwrap();
    edit(&path, |lines| drop(lines.drain(1..3)));
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::OutOfOrder { line: 2, expected: 2, found: 4 }]));

    fs::write(&path, &original).unwrap();
    edit(&path, |lines| lines.swap(1, 2));
    assert_eq!(verify(&path).unwrap_err().len(), 3);

    fs::write(&path, &original).unwrap();
    edit(&path, |lines| lines.insert(1, lines[0].clone()));
    assert!(matches!(verify(&path).unwrap_err()[0], Fault::OutOfOrder { line: 2, expected: 2, found: 1 }));
}

#[test]
fn a_torn_line_is_moved_aside_wherever_it_was_torn() {
    let (dir, path) = ledger(3);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last + 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        fs::remove_file(dir.path().join("ledger.head")).unwrap(); // it was never acknowledged
        assert!(verify(&path).is_err(), "an auditor sees it too");
        let mut ledger = Ledger::open(dir.path()).unwrap();
        let torn = ledger.torn().unwrap().clone();
        assert_eq!(fs::read(&torn.moved_to).unwrap(), &whole[last..cut]);
        assert!(torn.moved_to.file_name().unwrap().to_str().unwrap().starts_with("ledger.torn-3"));
        assert_eq!(ledger.append(record(9)).unwrap().seq, 3);
        assert_eq!(verify(&path).unwrap().records, 3);
        fs::remove_file(torn.moved_to).unwrap();
    }
}

#[test]
fn zeros_that_a_power_cut_left_are_torn() {
    let (dir, path) = ledger(2);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([&[0; 100][..], b"\"}\n"].concat());
    fs::write(&path, &bytes).unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!((ledger.head().seq, ledger.torn().unwrap().bytes), (2, 103));
}

#[test]
fn torn_lines_of_two_crashes_are_both_kept() {
    let (dir, path) = ledger(1);
    for text in ["first", "second"] {
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        drop(Ledger::open(dir.path()).unwrap());
    }
    assert_eq!(fs::read_to_string(dir.path().join("ledger.torn-2")).unwrap(), "first");
    assert_eq!(fs::read_to_string(dir.path().join("ledger.torn-2.1")).unwrap(), "second");
}

#[test]
fn an_edited_end_is_not_continued_where_nothing_was_kept_of_it() {
    let (dir, path) = ledger(3);
    fs::remove_file(dir.path().join("ledger.head")).unwrap();
    edit(&path, |lines| lines[2] = lines[2].replace("hold", "deny"));
    let before = fs::read(&path).unwrap();
    let error = Ledger::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("line 3 (record 3) was edited"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before, "the evidence is untouched");
}

#[test]
fn an_end_without_any_record_does_not_start_a_new_chain() {
    let (dir, path) = ledger(3);
    fs::write(dir.path().join("ledger.head"), "{").unwrap();
    for garbage in [vec![0; TAIL as usize + 1], vec![b'x'; TAIL as usize + 1]] {
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(garbage);
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(Ledger::open(dir.path()), Err(LedgerError::Broken { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn only_one_writer_at_a_time() {
    let (dir, _) = ledger(1);
    let first = Ledger::open(dir.path()).unwrap();
    assert!(matches!(Ledger::open(dir.path()), Err(LedgerError::Busy(_))));
    drop(first);
    Ledger::open(dir.path()).unwrap();
}

#[test]
fn a_long_ledger_opens_by_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let mut long = record(1);
    long.detail.insert("text".to_owned(), json!("x".repeat(MAX_LINE - 1000)));
    for _ in 0..6 {
        ledger.append(long.clone()).unwrap();
    }
    let head = ledger.head();
    assert!(ledger.length > TAIL);
    drop(ledger);
    assert_eq!(Ledger::open(dir.path()).unwrap().head(), head);
}

#[test]
fn a_record_that_is_too_long_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let mut long = record(1);
    long.detail.insert("text".to_owned(), json!("x".repeat(MAX_LINE)));
    assert_eq!(ledger.append(long).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(ledger.append(record(1)).unwrap().seq, 1);
    assert_eq!(verify(ledger.path()).unwrap().records, 1);
}

#[test]
fn after_a_write_that_could_not_be_taken_back_nothing_more_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let head = ledger.append(record(1)).unwrap();
    let writable = std::mem::replace(&mut ledger.file, File::open(dir.path().join(FILE)).unwrap());
    assert!(ledger.append(record(2)).is_err());
    ledger.file = writable;
    let refusal = ledger.append(record(2)).unwrap_err().to_string();
    assert!(refusal.contains("unknown state"), "{refusal}");
    assert_eq!(ledger.head(), head);
    assert_eq!(verify(ledger.path()).unwrap(), Summary { records: 1, head });
}

#[test]
fn what_is_noted_links_like_what_is_appended_and_waits_for_the_next_sync() {
    let (dir, path) = ledger(1);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.note(record(2)).unwrap().seq, 2);
    assert!(ledger.is_ahead());
    let head = ledger.sync().unwrap();
    assert!(!ledger.is_ahead());
    assert_eq!(verify(&path).unwrap(), Summary { records: 2, head });
    ledger.note(record(3)).unwrap();
    let head = ledger.append(record(4)).unwrap();
    assert!(!ledger.is_ahead(), "an append brings everything before it to the disk");
    assert_eq!(verify(&path).unwrap(), Summary { records: 4, head });
}

fn rotated(dir: &TempDir) -> PathBuf {
    dir.path().join("ledger.jsonl-1")
}

fn records(path: &Path) -> u64 {
    fs::read_to_string(path).unwrap().lines().count() as u64
}

#[test]
fn a_renamed_ledger_goes_on_in_a_new_file_whose_first_record_continues_the_chain() {
    let (dir, path) = ledger(2);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::rename(&path, rotated(&dir)).unwrap();
    let head = ledger.append(record(3)).unwrap();
    assert_eq!((head.seq, records(&rotated(&dir)), records(&path)), (4, 2, 2));
    assert_eq!(verify_all(&[&rotated(&dir), &path]).unwrap(), Summary { records: 4, head });
    let first = fs::read_to_string(&path).unwrap();
    assert!(first.starts_with(r#"{"seq":3,"#) && first.contains(r#""kind":"rotate""#), "{first}");
    let [rotation] = &ledger.take_rotations()[..] else { panic!("one rotation") };
    assert_eq!((rotation.change, rotation.after.seq), (crate::logfile::Change::Renamed, 2));
    assert_eq!(rotation.moved_to.as_deref(), Some(&*rotated(&dir).canonicalize().unwrap()));
    assert_eq!(ledger.take_rotations(), []);
    drop(ledger);
    assert_eq!(Ledger::open(dir.path()).unwrap().head(), head, "a file that goes on with another opens");
}

#[test]
fn what_was_noted_is_in_the_file_before_and_the_mode_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, path) = ledger(1);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    ledger.note(record(2)).unwrap();
    fs::rename(&path, rotated(&dir)).unwrap();
    ledger.look().unwrap();
    assert!(!ledger.is_ahead());
    assert_eq!(records(&rotated(&dir)), 2);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    verify_all(&[&rotated(&dir), &path]).unwrap();
}

#[test]
fn edits_cuts_and_another_order_are_found_over_several_files() {
    let (dir, path) = ledger(3);
    let older = rotated(&dir);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::rename(&path, &older).unwrap();
    ledger.append(record(4)).unwrap();
    drop(ledger);
    let [before, after] = [&older, &path].map(|path| fs::read(path).unwrap());
    let faults = |paths: &[&Path]| -> Vec<String> {
        verify_all(paths).unwrap_err().iter().map(ToString::to_string).collect()
    };
    let whole = || [&*older, &*path];
    assert!(verify_all(&whole()).is_ok());

    let missing = faults(&[&path]);
    assert!(
        missing[0].starts_with("line 1 (record 4) goes on with a ledger whose files before"),
        "{missing:?}"
    );
    assert!(
        faults(&[&path, &older]).iter().any(|fault| fault.contains("record 1 where record 6 was expected"))
    );

    edit(&older, |lines| drop(lines.pop()));
    let cut = faults(&whole());
    assert_eq!(cut.len(), 1, "{cut:?}");
    assert!(
        cut[0].starts_with(&format!("{}: line 1 has record 4 where record 3", path.display())),
        "{cut:?}"
    );

    fs::write(&older, &before).unwrap();
    edit(&older, |lines| lines[2] = lines[2].replace("hold", "deny"));
    assert!(faults(&whole())[0].contains("line 3 (record 3) was edited"));

    fs::write(&older, &before).unwrap();
    edit(&path, |lines| lines[0] = lines[0].replace("renamed", "removed"));
    assert!(faults(&whole())[0].contains("line 1 (record 4) was edited"));

    fs::write(&path, &after).unwrap();
    edit(&path, |lines| drop(lines.remove(0)));
    assert!(faults(&whole())[0].contains("record 5 where record 4 was expected"));
}

#[test]
fn a_removed_ledger_goes_on_and_its_loss_is_told() {
    let (dir, path) = ledger(2);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(ledger.append(record(3)).unwrap().seq, 4);
    assert_eq!(records(&path), 2);
    let rotation = ledger.take_rotations().pop().unwrap();
    assert_eq!((rotation.change, rotation.moved_to), (crate::logfile::Change::Removed, None));
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::Continues { line: 1, seq: 3 }]));
}

#[test]
fn a_ledger_that_was_copied_and_cut_goes_on_in_place() {
    let (dir, path) = ledger(2);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::copy(&path, rotated(&dir)).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    let head = ledger.append(record(3)).unwrap();
    assert_eq!(ledger.take_rotations().pop().unwrap().change, crate::logfile::Change::Truncated);
    assert_eq!(verify_all(&[&rotated(&dir), &path]).unwrap(), Summary { records: 4, head });
}

#[test]
fn what_is_left_of_a_ledger_that_was_cut_in_its_middle_is_kept_as_evidence() {
    let (dir, path) = ledger(3);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let left = 100;
    OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
    ledger.append(record(4)).unwrap();
    let rest = dir.path().join("ledger.cut-4");
    assert_eq!(rest.metadata().unwrap().len(), left);
    assert_eq!(records(&path), 2);
    assert_eq!(ledger.take_rotations().pop().unwrap().moved_to, Some(rest));
}

#[test]
fn a_copy_with_the_same_end_is_gone_on_with_and_any_other_file_is_moved_aside() {
    let (dir, path) = ledger(2);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let replace = |change: fn(&mut Vec<String>)| {
        let copy = dir.path().join("copy");
        fs::copy(&path, &copy).unwrap();
        edit(&copy, change);
        fs::rename(&copy, &path).unwrap();
    };
    replace(|_| {});
    let head = ledger.append(record(3)).unwrap();
    assert_eq!(verify(&path).unwrap(), Summary { records: 4, head });
    replace(|lines| drop(lines.pop()));
    ledger.append(record(4)).unwrap();
    assert_eq!(records(&dir.path().join("ledger.stray-5")), 3);
    assert_eq!(records(&path), 2);
}

#[test]
fn a_ledger_that_was_renamed_while_nobody_wrote_goes_on() {
    let (dir, path) = ledger(2);
    fs::rename(&path, rotated(&dir)).unwrap();
    let (other, _) = (dir.path().join("ledger.jsonl-0"), ());
    fs::write(&other, fs::read_to_string(rotated(&dir)).unwrap().lines().next().unwrap().to_owned() + "\n")
        .unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let head = ledger.append(record(3)).unwrap();
    assert_eq!(verify_all(&[&rotated(&dir), &path]).unwrap(), Summary { records: 4, head });
}

#[test]
fn earlier_files_that_cannot_be_read_are_not_gone_on_with() {
    let (dir, path) = ledger(2);
    fs::rename(&path, dir.path().join("ledger.jsonl-1.gz")).unwrap();
    fs::write(dir.path().join("ledger.jsonl-2"), "nothing of ours\n").unwrap();
    fs::remove_file(dir.path().join("ledger.head")).unwrap();
    assert_eq!(Ledger::open(dir.path()).unwrap().head(), Head::START);
}

#[test]
fn where_no_new_file_can_be_begun_the_old_one_is_written_on() {
    let dir = tempfile::tempdir().unwrap();
    let (state, elsewhere) = (dir.path().join("state"), dir.path().join("elsewhere"));
    let mut ledger = Ledger::open(&state).unwrap();
    fs::rename(&state, &elsewhere).unwrap();
    assert_eq!(ledger.append(record(1)).unwrap().seq, 1);
    assert_eq!(verify(&elsewhere.join(FILE)).unwrap().records, 1);
}
