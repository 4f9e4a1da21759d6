//! A writer that is killed at any moment, again and again: what it acknowledged is there, whole.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use interlock::ledger::{Ledger, Segments, verify_all};
use serde_json::Value;

use super::forge::{Dice, lines, record};

/// Set for the process that writes: the ledger's directory.
const WRITER: &str = "INTERLOCK_TEST_LEDGER_WRITER";
const KILLS: usize = 300;
/// Kills of one ledger; then the next begins, as each is read whole after each kill.
const KILLS_OF_ONE: usize = 30;
const LONGEST: Duration = Duration::from_secs(240);

/// The writer: a process of its own, which only the test below starts.
#[test]
fn writer() {
    let Some(dir) = std::env::var_os(WRITER) else { return };
    let mut ledger = Ledger::open(Path::new(&dir)).unwrap();
    for number in 0.. {
        let mut record = record(number);
        if number % 7 == 0 {
            record.detail.insert("text".into(), "x".repeat(100_000).into()); // more than one page
        }
        let head = match number % 5 {
            0..=2 => ledger.append(record).unwrap(),
            _ => {
                ledger.note(record).unwrap();
                ledger.sync().unwrap()
            }
        };
        // Acknowledged: past the test harness, which would keep it.
        std::io::stdout().write_all(format!("{head}\n").as_bytes()).unwrap();
    }
}

#[test]
fn after_300_kills_every_acknowledged_record_is_there_and_whole() {
    let mut dice = Dice(0x5eed);
    let began = Instant::now();
    let (mut kills, mut acknowledged, mut torn) = (0, 0, 0);
    while kills < KILLS && began.elapsed() < LONGEST {
        let dir = tempfile::tempdir().unwrap();
        let mut known = HashMap::new();
        for _ in 0..KILLS_OF_ONE {
            let told = write_and_kill(dir.path(), Duration::from_micros(dice.below(15_000) as u64));
            acknowledged += told.len();
            known.extend(told);
            let mut ledger = Ledger::open(dir.path()).unwrap();
            torn += usize::from(ledger.torn().is_some());
            assert_eq!(ledger.take_rotations(), [], "a crash is no alarm");
            assert_eq!(ledger.tree().unwrap().size(), ledger.head().seq);
            drop(ledger);
            check(dir.path(), &known);
            kills += 1;
        }
    }
    eprintln!(
        "{kills} kills, {acknowledged} records acknowledged, {torn} torn lines moved aside, {:?}",
        began.elapsed()
    );
    assert!(kills >= KILLS || began.elapsed() >= LONGEST);
    assert!(acknowledged > kills / 2, "{acknowledged}");
}

/// Runs a writer until some time after its first record; what it acknowledged, by number.
fn write_and_kill(dir: &Path, after: Duration) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::crash::writer", "--nocapture", "--test-threads=1"])
        .env(WRITER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, first) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut heads = Vec::new();
        for line in output.lines() {
            let Ok(line) = line else { break };
            if let Some((seq, hash)) = line.split_once(':')
                && let Ok(seq) = seq.parse()
                && hash.len() == 64
            {
                heads.push((seq, hash.to_owned()));
                let _ = sender.send(());
            }
        }
        heads
    });
    first.recv_timeout(Duration::from_secs(30)).unwrap();
    let until = Instant::now() + after;
    while first.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// The chain holds, and has what was acknowledged.
fn check(dir: &Path, known: &HashMap<u64, String>) {
    let segments = Segments::beside(dir).unwrap();
    let files: Vec<&Path> = segments.files.iter().map(PathBuf::as_path).collect();
    verify_all(&files).unwrap();
    let mut found = HashMap::new();
    for line in files.iter().flat_map(|path| lines(path)) {
        let record: Value = serde_json::from_slice(&line).unwrap();
        found.insert(record["seq"].as_u64().unwrap(), record["hash"].as_str().unwrap().to_owned());
    }
    for (seq, hash) in known {
        assert_eq!(found.get(seq), Some(hash), "record {seq}");
    }
}
