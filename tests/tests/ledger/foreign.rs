//! Somebody else's programs check ours: the ledger by `aics-tlog` from PyPI, an implementation of C2SP's logs in Python.
//!
//! Not in CI: `INTERLOCK_TLOG_PYTHON=/path/to/python cargo test -p interlock-tests --test ledger foreign`, where that Python (3.12 or
//! later) has the package (`pip install aics-tlog==0.2.1`).

use std::{fs, process::Command};

use interlock::ledger::{Ledger, Record, tree::Key};
use interlock_core::{
    facts::SessionId,
    record::{Entry, Kind, Who},
};
use interlock_tests::daemon::{binary, text};

use jiff::Timestamp;

use super::forge::{checkpoint, ledger, lines};

const PYTHON: &str = "INTERLOCK_TLOG_PYTHON";

const CHECK: &str = r#"
import base64, hashlib, sys
from aics_tlog import (MerkleTree, parse_note, parse_checkpoint, parse_vkey, verify_checkpoint, verify_leaf_inclusion)
ledger, checkpoint, key, proof, number = sys.argv[1:]
entries = [hashlib.sha256(line).digest() for line in open(ledger, "rb").read().splitlines(keepends=True)]
key = parse_vkey(key)
note = parse_note(open(checkpoint, encoding="utf-8", newline="").read())
assert verify_checkpoint(note, key).ok
head = parse_checkpoint(note.text)
tree = MerkleTree(entries)
assert head.size == len(entries) and head.root == tree.root(), "another root"
first, _, rest = open(proof, encoding="utf-8", newline="").read().partition("\n\n")
first = first.split("\n")
assert first[0] == "c2sp.org/tlog-proof@v1" and first[1].startswith("extra ") and first[2] == f"index {int(number) - 1}"
line = base64.b64decode(first[1].removeprefix("extra "), validate=True)
path = [base64.b64decode(text, validate=True) for text in first[3:]]
assert path == list(tree.inclusion_proof(int(number) - 1)), "another path"
note = parse_note(rest)
assert verify_checkpoint(note, key).ok
head = parse_checkpoint(note.text)
assert verify_leaf_inclusion(hashlib.sha256(line).digest(), int(number) - 1, head.size, path, head.root)
assert not verify_leaf_inclusion(hashlib.sha256(line + b" ").digest(), int(number) - 1, head.size, path, head.root)
print("agreed")
"#;

#[test]
fn another_implementation_agrees_with_checkpoint_and_proofs() {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("skipped: {PYTHON} names no Python that has aics-tlog");
        return;
    };
    for size in [1_u64, 2, 7, 64, 1_000] {
        let (dir, path) = ledger(size);
        let checkpoint = checkpoint(dir.path(), &lines(&path), size as usize);
        fs::rename(checkpoint, dir.path().join("checkpoint")).unwrap();
        let key = Key::open(dir.path(), "build-7").unwrap().public().to_owned();
        for record in [1, size.div_ceil(2), size].map(|record| record.to_string()) {
            let proof =
                Command::new(binary()).args(["ledger", "prove", &record]).arg(dir.path()).output().unwrap();
            assert!(proof.status.success(), "{}", text(&proof));
            let file = dir.path().join("proof");
            fs::write(&file, &proof.stdout).unwrap();
            let said = Command::new(&python)
                .args(["-c", CHECK])
                .args([&path, &dir.path().join("checkpoint")])
                .arg(&key)
                .arg(&file)
                .arg(&record)
                .output()
                .unwrap();
            assert!(
                said.status.success() && text(&said).contains("agreed"),
                "{size}, {record}: {}",
                text(&said)
            );
        }
    }
}

const SCHEMA: &str = "INTERLOCK_OCSF_SCHEMA";

/// `INTERLOCK_OCSF_SCHEMA=/path/to/ocsf-schema`: a checkout of the published schema's sources.
#[test]
fn events_are_as_the_published_schema_asks() {
    let Some(schema) = std::env::var_os(SCHEMA) else {
        eprintln!("skipped: {SCHEMA} names no checkout of ocsf-schema");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    for kind in Kind::ALL {
        let whos =
            [Who::Daemon, Who::Kernel, Who::Rule("infra-after-foreign-secret".into()), Who::caller(1000, 7)];
        for who in whos {
            let session = (kind != Kind::Start).then_some(SessionId(0x0000_1267_000a_3f2b));
            let detail =
                [("hold", "h1".into()), ("destination", "api.test:443".into()), ("version", "0.1.0".into())];
            ledger.note(Record::of(Entry::new(kind, who, session, detail), Timestamp::now())).unwrap();
        }
    }
    ledger.sync().unwrap();
    let exported =
        Command::new(binary()).args(["ledger", "export", "--format", "ocsf"]).arg(dir.path()).output();
    let file = dir.path().join("events");
    fs::write(&file, exported.unwrap().stdout).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/ocsf.py");
    let events = fs::File::open(&file).unwrap();
    let said = Command::new("python3").arg(script).arg(schema).stdin(events).output().unwrap();
    assert!(said.status.success() && text(&said).contains("64 events, 0 problems"), "{}", text(&said));
}
