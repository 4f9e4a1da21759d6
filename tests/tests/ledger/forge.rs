//! Ledgers for tests, and what somebody does to one who knows its form.

use std::{
    collections::BTreeSet,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use interlock::ledger::{
    Fault, Head, Ledger, Record,
    check::Check,
    scan::{Found, scan},
    tree::{Key, Signed, Tree},
};
use interlock_core::record::{Entry, Kind, Who};
use tempfile::TempDir;

pub fn record(number: u64) -> Record {
    let detail = [("hold", format!("h{number}").into()), ("destination", "api.test:443 (192.0.2.7)".into())];
    let kind = if number.is_multiple_of(3) { Kind::Deny } else { Kind::Hold };
    let entry = Entry::new(kind, Who::Rule("infra-after-foreign-secret".into()), None, detail);
    Record::of(entry, "2026-04-25T10:00:00.123456789Z".parse().unwrap())
}

/// A closed ledger of so many records, and its file.
pub fn ledger(records: u64) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(dir.path()).unwrap();
    for number in 1..=records {
        ledger.note(record(number)).unwrap();
    }
    ledger.sync().unwrap();
    let path = ledger.path().to_owned();
    (dir, path)
}

pub fn lines(path: &Path) -> Vec<Vec<u8>> {
    fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Everything that does not hold, with its line.
pub fn faults(path: &Path) -> Vec<(u64, Fault)> {
    let mut faults = Vec::new();
    scan(&[path], &mut Check::after(Some(Head::START)), Duration::ZERO, &mut |found| {
        if let Found::Fault(_, fault) = found {
            faults.push((fault.line().unwrap(), fault));
        }
        ControlFlow::Continue(())
    });
    faults
}

pub fn places(faults: &[(u64, Fault)]) -> BTreeSet<u64> {
    faults.iter().map(|(line, _)| *line).collect()
}

/// Chains lines anew from the one at `from` on, as whoever has the file and b3sum can.
pub fn chain_anew(lines: &mut [Vec<u8>], from: usize) {
    for at in from..lines.len() {
        let before = at.checked_sub(1).map(|at| stated(&lines[at])).unwrap_or("0".repeat(64));
        let text = String::from_utf8(lines[at].clone()).unwrap();
        let (content, _) = text.rsplit_once(",\"hash\":\"").unwrap();
        let (rest, _) = content.rsplit_once("\"prev\":\"").unwrap();
        let content = format!("{rest}\"prev\":\"{before}\"");
        let hash = blake3::hash(content.as_bytes());
        lines[at] = format!("{content},\"hash\":\"{hash}\"}}\n").into_bytes();
    }
}

fn stated(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[line.len() - 67..line.len() - 3]).into_owned()
}

/// A checkpoint of the first so many lines, by the key of `dir`.
pub fn checkpoint(dir: &Path, lines: &[Vec<u8>], size: usize) -> PathBuf {
    let mut tree = Tree::EMPTY;
    lines[..size].iter().for_each(|line| tree.push(line));
    let key = Key::open(dir, "build-7").unwrap();
    let path = dir.join(format!("checkpoint-{size}"));
    fs::write(&path, Signed::make(&tree, key.signer()).unwrap()).unwrap();
    path
}

/// Numbers that look random and are the same in each run (xorshift).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
