//! `interlock ledger`, of the real binary: no daemon, no root.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use interlock::ledger::tree::Key;
use interlock_tests::daemon::{binary, text};
use serde_json::Value;
use tempfile::TempDir;

use super::forge::{chain_anew, checkpoint, ledger, lines};

fn interlock(args: &[&str]) -> Output {
    Command::new(binary()).arg("ledger").args(args).output().unwrap()
}

fn json(args: &[&str]) -> (Option<i32>, Value) {
    let output = interlock(&[args, &["--output", "json"]].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// A ledger with its key and a checkpoint of it all.
fn signed(records: u64) -> (TempDir, String) {
    let (dir, path) = ledger(records);
    let at = checkpoint(dir.path(), &lines(&path), records as usize);
    fs::rename(at, dir.path().join("checkpoint")).unwrap();
    let key = Key::open(dir.path(), "build-7").unwrap().public().to_owned();
    (dir, key)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_ledger_that_holds_is_said_to_and_a_fault_has_its_file_line_and_record() {
    let (dir, _) = signed(6);
    let said = interlock(&["verify", path(dir.path())]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    assert!(text(&said).contains("6 records hold together; head 6:"), "{}", text(&said));
    assert!(text(&said).contains("the first 6 records are as build-7/interlock/"), "{}", text(&said));

    let file = dir.path().join("ledger.jsonl");
    let changed = fs::read_to_string(&file).unwrap().replacen("\"h3\"", "\"h4\"", 1);
    fs::write(&file, changed).unwrap();
    let said = interlock(&["verify", path(dir.path())]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said).contains("ledger.jsonl: line 3 (record 3) was edited"), "{}", text(&said));
    let (code, told) = json(&["verify", path(&file)]);
    assert_eq!((code, &told["holds"], &told["faults_total"]), (Some(1), &Value::Bool(false), &1.into()));
    let fault = &told["faults"][0];
    assert_eq!((&fault["line"], &fault["record"], &fault["fault"]), (&3.into(), &3.into(), &"edited".into()));
    assert!(fault["path"].as_str().unwrap().ends_with("ledger.jsonl"));
}

#[test]
fn a_checkpoint_kept_elsewhere_finds_what_was_chained_anew_and_where() {
    let (dir, _) = ledger(300);
    let file = dir.path().join("ledger.jsonl");
    let mut all = lines(&file);
    let kept: Vec<String> =
        [100, 200, 300].map(|size| path(&checkpoint(dir.path(), &all, size)).to_owned()).into();
    all[149] = String::from_utf8(all[149].clone()).unwrap().replace("api.test", "www.test").into_bytes();
    chain_anew(&mut all, 149);
    fs::write(&file, all.concat()).unwrap();
    assert_eq!(interlock(&["verify", path(&file)]).status.code(), Some(0), "the chain alone holds");
    let with =
        ["verify", path(&file), "--checkpoint", &kept[2], "--checkpoint", &kept[0], "--checkpoint", &kept[1]];
    let said = interlock(&with);
    assert_eq!(said.status.code(), Some(1));
    let told = text(&said);
    assert!(told.contains("the first 100 records are as"), "{told}");
    assert!(told.contains("records 101 to 200 are not as"), "{told}");

    fs::write(&file, all[..120].concat()).unwrap();
    let said = interlock(&["verify", path(&file), "--checkpoint", &kept[1]]);
    assert!(text(&said).contains("signed 200 records, and only 120 are here"), "{}", text(&said));
    assert_eq!(said.status.code(), Some(1));
}

#[test]
fn a_key_that_is_named_has_a_signature_to_check() {
    let (dir, key) = signed(6);
    fs::remove_file(dir.path().join("ledger.vkey")).unwrap();
    let said = interlock(&["verify", path(dir.path()), "--key", &key]);
    assert!(said.status.success() && text(&said).contains("as build-7/interlock/"), "{}", text(&said));
    let (_other, other) = signed(1);
    let said = interlock(&["verify", path(dir.path()), "--key", &other]);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    fs::write(dir.path().join("checkpoint"), "nothing").unwrap();
    let said = interlock(&["verify", path(dir.path()), "--key", &key]);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert!(text(&said).contains("this checkpoint proves nothing"), "{}", text(&said));
    assert!(text(&said).contains("6 records hold together"), "the rest is verified: {}", text(&said));
    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let said = interlock(&["verify", path(dir.path()), "--key", &key]);
    assert_eq!(said.status.code(), Some(2), "{}", text(&said));
    assert!(text(&said).contains("name a checkpoint with --checkpoint"), "{}", text(&said));
    assert!(interlock(&["verify", path(dir.path())]).status.success(), "the chain alone");
}

#[test]
fn a_proof_is_checked_without_the_ledger_and_of_another_key_it_is_none() {
    let (dir, key) = signed(9);
    let proof = interlock(&["prove", "4", path(dir.path())]);
    assert_eq!(proof.status.code(), Some(0), "{}", text(&proof));
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("4.tlog-proof");
    fs::write(&file, &proof.stdout).unwrap();
    let said = interlock(&["verify", "--proof", path(&file), "--key", &key]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said));
    assert!(
        text(&said).contains("record 4 is one of the first 9 that build-7/interlock/"),
        "{}",
        text(&said)
    );
    let (_, other) = signed(1);
    assert_eq!(interlock(&["verify", "--proof", path(&file), "--key", &other]).status.code(), Some(1));
    let forged = String::from_utf8(proof.stdout).unwrap().replace("index 3", "index 4");
    fs::write(&file, forged).unwrap();
    let said = interlock(&["verify", "--proof", path(&file), "--key", &key]);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
    assert_eq!(interlock(&["prove", "10", path(dir.path())]).status.code(), Some(1));
    fs::write(&file, "nothing").unwrap();
    assert_eq!(interlock(&["verify", "--proof", path(&file), "--key", &key]).status.code(), Some(2));
}

#[test]
fn records_are_shown_one_a_line_and_chosen() {
    let (dir, _) = signed(6);
    let said = interlock(&["show", path(dir.path()), "--kind", "deny"]);
    let shown = String::from_utf8(said.stdout).unwrap();
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.lines().next().unwrap().contains("deny     -             h3 api.test:443"), "{shown}");
    let (code, told) = json(&["show", path(dir.path()), "--since", "2026-04-01"]);
    assert_eq!((code, told.as_array().unwrap().len()), (Some(0), 6));
    assert_eq!(json(&["show", path(dir.path()), "--since", "2026-05-01"]).1, Value::Array(Vec::new()));
    let wrong = interlock(&["show", path(dir.path()), "--kind", "aprove"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_checkpoint_and_the_key_are_printed() {
    let (dir, key) = signed(2);
    let said = interlock(&["checkpoint", path(dir.path())]);
    assert_eq!(said.stdout, fs::read(dir.path().join("checkpoint")).unwrap());
    let said = interlock(&["checkpoint", "--key", path(dir.path())]);
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim_end(), key);
}

#[test]
fn a_path_without_a_ledger_is_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["verify", path(dir.path())][..],
        &["show", "/nowhere/at/all"],
        &["prove", "0", path(dir.path())],
        &["checkpoint", path(dir.path())],
    ] {
        assert_eq!(interlock(args).status.code(), Some(2), "{args:?}");
    }
}
