//! Files of one ledger in a directory.

use super::*;

fn names(paths: &[PathBuf]) -> Vec<&str> {
    paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
}

#[test]
fn files_stand_in_the_order_of_their_records_and_what_is_left_out_is_said() {
    let (dir, path) = ledger(2);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    // As `logrotate` numbers them, the newest has the lowest number.
    for older in ["ledger.jsonl.2", "ledger.jsonl.1", "ledger.jsonl-20260425"] {
        fs::rename(&path, dir.path().join(older)).unwrap();
        ledger.append(record(1)).unwrap();
    }
    for (name, text) in
        [("ledger.jsonl.9.gz", "x"), ("ledger.torn-7", "x"), ("ledger.stray-3", "x"), ("ledger.jsonlx", "x")]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let segments = Segments::beside(dir.path()).unwrap();
    assert_eq!(
        names(&segments.files),
        ["ledger.jsonl.2", "ledger.jsonl.1", "ledger.jsonl-20260425", "ledger.jsonl"]
    );
    let left_out: Vec<PathBuf> = segments.left_out.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(names(&left_out), ["ledger.jsonl.9.gz", "ledger.stray-3", "ledger.torn-7"]);
}

#[test]
fn a_file_whose_first_line_was_changed_keeps_its_place() {
    let (dir, path) = ledger(3);
    let mut ledger = Ledger::open(dir.path()).unwrap();
    fs::rename(&path, dir.path().join("ledger.jsonl-z")).unwrap();
    ledger.append(record(1)).unwrap();
    edit(&dir.path().join("ledger.jsonl-z"), |lines| lines[0] = "{}".to_owned());
    let segments = Segments::beside(dir.path()).unwrap();
    assert_eq!(names(&segments.files), ["ledger.jsonl-z", "ledger.jsonl"]);
}

#[test]
fn a_line_that_is_no_record_or_too_long_is_one_fault_and_the_rest_is_counted_on() {
    let (_dir, path) = ledger(5);
    edit(&path, |lines| lines[1] = "{}".to_owned());
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::Malformed { line: 2, .. }]));
    edit(&path, |lines| lines[1] = "x".repeat(3 * MAX_LINE));
    assert!(matches!(verify(&path).unwrap_err()[..], [Fault::Malformed { line: 2, .. }]));
    // A record that was cut out behind it does not hide there.
    edit(&path, |lines| drop(lines.remove(2)));
    let told = faults(&path);
    assert!(told.len() == 2 && told[1].starts_with("line 3 has record 4 where record 3"), "{told:?}");
}
