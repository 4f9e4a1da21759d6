//! A ledger that was changed while nobody wrote, against the head that was kept.

use super::*;
use crate::logfile::Change;

/// Opens a ledger that had `records` records, and was then changed; what was noticed, and its head after one more record.
fn opened(dir: &TempDir) -> (Ledger, Vec<Rotation>) {
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let rotations = ledger.take_rotations();
    (ledger, rotations)
}

fn whole(dir: &TempDir) -> Vec<String> {
    let segments = Segments::beside(dir.path()).unwrap();
    let paths: Vec<&Path> = segments.files.iter().map(PathBuf::as_path).collect();
    verify_all(&paths).map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn what_only_grew_or_was_rotated_is_no_alarm() {
    let (dir, path) = ledger(3);
    assert_eq!(opened(&dir).1, []);
    fs::rename(&path, rotated(&dir)).unwrap();
    let (mut again, rotations) = opened(&dir);
    assert_eq!(rotations.iter().map(|rotation| rotation.change).collect::<Vec<_>>(), [Change::Renamed]);
    again.append(record(5)).unwrap();
    assert_eq!(again.tree().unwrap().size(), 5);
    drop(again);
    assert_eq!(opened(&dir).1, []);
    assert_eq!(whole(&dir), [""; 0]);
}

#[test]
fn a_tail_that_was_cut_is_an_alarm_and_the_gap_stays() {
    let (dir, path) = ledger(5);
    let before = Ledger::open(dir.path()).unwrap().tree().unwrap().clone();
    edit(&path, |lines| drop(lines.drain(3..)));
    let (mut ledger, rotations) = opened(&dir);
    let [rotation] = &rotations[..] else { panic!("{rotations:?}") };
    assert_eq!((rotation.change, rotation.after.seq), (Change::Truncated, 5));
    assert_eq!(rotation.moved_to.as_deref(), Some(&*dir.path().join("ledger.cut-6")));
    assert_eq!(ledger.append(record(7)).unwrap().seq, 7);
    let told = whole(&dir);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("line 1 has record 6 where record 4 was expected"), "{told:?}");
    // What was signed before stays true: the tree goes on with records that are missing now.
    let mut tree = before;
    fs::read_to_string(&path).unwrap().split_inclusive('\n').for_each(|line| tree.push(line.as_bytes()));
    assert_eq!(ledger.tree(), Some(&tree));
    drop(ledger);
    assert_eq!(opened(&dir).1, [], "it is told once");
}

#[test]
fn a_removed_ledger_is_an_alarm() {
    let (dir, path) = ledger(4);
    fs::remove_file(&path).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations[0].change, rotations[0].after.seq, ledger.head().seq), (Change::Removed, 4, 5));
    assert_eq!(ledger.tree().unwrap().size(), 5);
}

#[test]
fn an_older_file_beside_a_removed_ledger_is_not_gone_on_with() {
    let (dir, path) = ledger(4);
    let older = fs::read_to_string(&path).unwrap().split_inclusive('\n').take(2).collect::<String>();
    fs::write(rotated(&dir), older).unwrap();
    fs::remove_file(&path).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations[0].change, ledger.head().seq), (Change::Removed, 5));
}

#[test]
fn a_ledger_that_was_written_anew_is_an_alarm() {
    let (dir, path) = ledger(4);
    let (other, forged) = ledger_of(6, 100);
    fs::copy(&forged, &path).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations[0].change, ledger.head().seq), (Change::Rewritten, 5));
    drop(other);
    assert!(!whole(&dir).is_empty());
}

#[test]
fn a_running_writer_notices_what_was_changed_in_place() {
    let (dir, path) = ledger(3);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    let original = fs::read(&path).unwrap();
    // As long as it was, and in the same file.
    let other: Vec<u8> = original.iter().map(|byte| if *byte == b'0' { b'1' } else { *byte }).collect();
    fs::write(&path, other).unwrap();
    assert_eq!(ledger.append(record(4)).unwrap().seq, 5);
    assert_eq!(ledger.take_rotations()[0].change, Change::Rewritten);
    // Somebody else's line behind ours.
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{}\n").unwrap();
    assert_eq!(ledger.append(record(6)).unwrap().seq, 7);
    assert_eq!(ledger.take_rotations()[0].change, Change::Rewritten);
}

#[test]
fn a_ledger_of_a_version_that_kept_nothing_goes_on() {
    let (dir, _) = ledger(300);
    let tree = Ledger::open(dir.path()).unwrap().tree().cloned();
    fs::remove_file(dir.path().join("ledger.head")).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations, ledger.tree().cloned()), (Vec::new(), tree));
}

#[test]
fn where_earlier_files_are_missing_no_tree_is_known_and_it_comes_back_with_them() {
    let (dir, path) = ledger(3);
    let mut writer = Ledger::open(dir.path()).unwrap();
    fs::rename(&path, rotated(&dir)).unwrap();
    writer.append(record(4)).unwrap();
    drop(writer);
    let aside = tempfile::tempdir().unwrap();
    fs::remove_file(dir.path().join("ledger.head")).unwrap();
    fs::copy(rotated(&dir), aside.path().join("older")).unwrap();
    fs::remove_file(rotated(&dir)).unwrap();
    assert_eq!(opened(&dir).0.tree(), None);
    fs::copy(aside.path().join("older"), rotated(&dir)).unwrap();
    assert_eq!(opened(&dir).0.tree().unwrap().size(), 5);
}

#[test]
fn a_head_that_was_kept_before_a_crash_is_behind_and_the_tree_is_caught_up_with() {
    let (dir, _) = ledger(3);
    let behind = fs::read(dir.path().join("ledger.head")).unwrap();
    let mut writer = Ledger::open(dir.path()).unwrap();
    for number in 4..9 {
        writer.append(record(number)).unwrap();
    }
    let tree = writer.tree().cloned();
    drop(writer);
    fs::write(dir.path().join("ledger.head"), behind).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations, ledger.tree().cloned()), (Vec::new(), tree));
}

#[test]
fn an_edited_last_record_is_an_alarm_and_the_ledger_goes_on() {
    let (dir, path) = ledger(3);
    edit(&path, |lines| lines[2] = lines[2].replace("\"hold\"", "\"deny\""));
    let edited = fs::read(&path).unwrap();
    let (ledger, rotations) = opened(&dir);
    assert_eq!((rotations[0].change, rotations[0].after.seq, ledger.head().seq), (Change::Rewritten, 3, 4));
    assert_eq!(fs::read(dir.path().join("ledger.cut-4")).unwrap(), edited, "the evidence is untouched");
    drop(ledger);
    assert_eq!(opened(&dir).1, [], "it is told once");
    assert!(whole(&dir)[0].contains("line 3 (record 3) was edited"));
}

#[test]
fn what_does_not_hold_together_behind_the_kept_record_is_moved_aside_and_told() {
    for garbage in [b"{}\n".repeat(3), vec![b'x'; TAIL as usize + 1]] {
        let (dir, path) = ledger(3);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&garbage).unwrap();
        let (mut ledger, rotations) = opened(&dir);
        assert_eq!((rotations, ledger.head().seq), (Vec::new(), 3));
        let doubts = ledger.take_doubts();
        assert!(doubts.len() == 1 && doubts[0].contains("behind record 3"), "{doubts:?}");
        assert_eq!(fs::read(&ledger.torn().unwrap().moved_to).unwrap(), garbage);
        ledger.append(record(4)).unwrap();
        assert_eq!(whole(&dir), [""; 0]);
    }
}

#[test]
fn a_kept_record_in_a_file_that_was_packed_is_no_fork() {
    let (dir, path) = ledger(3);
    let behind = fs::read(dir.path().join("ledger.head")).unwrap();
    let mut writer = Ledger::open(dir.path()).unwrap();
    writer.append(record(4)).unwrap();
    writer.append(record(5)).unwrap();
    fs::rename(&path, rotated(&dir)).unwrap();
    writer.append(record(6)).unwrap();
    drop(writer);
    let packed = dir.path().join("ledger.jsonl-1.gz");
    fs::rename(rotated(&dir), &packed).unwrap();
    fs::write(dir.path().join("ledger.head"), behind).unwrap();
    let (mut ledger, rotations) = opened(&dir);
    assert_eq!((rotations, ledger.head().seq, ledger.tree()), (Vec::new(), 7, None));
    let doubts = ledger.take_doubts();
    assert!(doubts.len() == 1 && doubts[0].contains("record 3 is in none of its files"), "{doubts:?}");
    drop(ledger);
    fs::rename(packed, rotated(&dir)).unwrap();
    assert_eq!(opened(&dir).0.tree().unwrap().size(), 7, "it comes back with the file");
}

#[test]
fn a_ledger_whose_only_file_was_packed_says_so() {
    let (dir, path) = ledger(3);
    fs::rename(&path, dir.path().join("ledger.jsonl-1.gz")).unwrap();
    let (mut ledger, rotations) = opened(&dir);
    assert_eq!((rotations[0].change, ledger.head().seq), (Change::Removed, 4));
    let doubts = ledger.take_doubts();
    assert!(doubts[0].contains("ledger.jsonl-1.gz beside it is compressed"), "{doubts:?}");
}

#[test]
fn a_kept_head_that_cannot_be_read_is_told() {
    let (dir, _) = ledger(3);
    fs::write(dir.path().join("ledger.head"), "{").unwrap();
    let (mut ledger, rotations) = opened(&dir);
    assert_eq!((rotations, ledger.head().seq), (Vec::new(), 3));
    assert!(ledger.take_doubts()[0].contains("cannot be read, so that a cut would not be seen"));
    drop(ledger);
    fs::remove_file(dir.path().join("ledger.head")).unwrap();
    fs::create_dir(dir.path().join("ledger.head")).unwrap();
    let (mut ledger, _) = opened(&dir);
    assert!(ledger.take_doubts()[0].contains("ledger.head: "));
    assert_eq!(ledger.append(record(4)).unwrap().seq, 4);
}

#[test]
fn a_fault_in_what_was_not_acknowledged_yet_is_told_and_not_signed() {
    let (dir, path) = ledger(3);
    let behind = fs::read(dir.path().join("ledger.head")).unwrap();
    let mut writer = Ledger::open(dir.path()).unwrap();
    let long = "x".repeat(MAX_LINE - 1000);
    for number in 4..12 {
        let mut record = record(number);
        record.detail.insert("text".to_owned(), json!(long));
        writer.append(record).unwrap();
    }
    drop(writer);
    edit(&path, |lines| lines[3] = lines[3].replace("\"hold\"", "\"deny\"")); // before what a start verifies
    fs::write(dir.path().join("ledger.head"), behind).unwrap();
    let (mut ledger, rotations) = opened(&dir);
    assert_eq!((rotations, ledger.head().seq, ledger.tree()), (Vec::new(), 11, None));
    assert!(ledger.take_doubts()[0].contains("1 faults behind record 3"));
}
