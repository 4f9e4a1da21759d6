//! 10,000 records, and whoever has write access to them.

use std::{collections::BTreeSet, fs};

use interlock::ledger::{Fault, Ledger, verify};

use super::forge::{Dice, chain_anew, faults, ledger, lines, places};

const RECORDS: usize = 10_000;

/// Each round changes one byte in 500 lines that are far apart, so that what each gives can be told apart.
#[test]
fn single_changed_bytes_are_found_with_their_lines() {
    let (_dir, path) = ledger(RECORDS as u64);
    let original = lines(&path);
    let mut dice = Dice(7);
    let mut changed_bytes = 0;
    for round in 0..8 {
        let mut changed = original.clone();
        let mut expected = BTreeSet::new();
        for at in (round..RECORDS).step_by(20) {
            let place = dice.below(changed[at].len() - 1);
            let byte = &mut changed[at][place];
            let other = byte.wrapping_add(1 + dice.below(255) as u8);
            // A line's end in the middle of a line moves those behind it: below.
            *byte = if other == b'\n' { *byte ^ 1 } else { other };
            expected.insert(at as u64 + 1);
            changed_bytes += 1;
        }
        fs::write(&path, changed.concat()).unwrap();
        let found = faults(&path);
        let itself = |fault: &Fault| matches!(fault, Fault::Edited { .. } | Fault::Malformed { .. });
        let told: BTreeSet<u64> =
            found.iter().filter(|(_, fault)| itself(fault)).map(|(line, _)| *line).collect();
        assert_eq!(told, expected, "round {round}");
        // What was stated of a record is missed by the next one too, and by no other.
        let near = |line: &u64| expected.contains(line) || expected.contains(&(line - 1));
        assert!(places(&found).iter().all(near), "round {round}");
    }
    assert_eq!(changed_bytes, 4_000);
}

#[test]
fn line_ends_that_were_put_in_or_taken_away_are_found_where_they_are() {
    let (_dir, path) = ledger(RECORDS as u64);
    let original = lines(&path);
    let mut dice = Dice(11);
    for _ in 0..4 {
        let at = 1 + dice.below(RECORDS - 2);
        let mut split = original.clone();
        let place = 1 + dice.below(split[at].len() - 2);
        split[at][place] = b'\n';
        fs::write(&path, split.concat()).unwrap();
        assert_eq!(faults(&path)[0].0, at as u64 + 1);

        let mut joined = original.clone();
        joined[at].pop();
        fs::write(&path, joined.concat()).unwrap();
        assert_eq!(faults(&path)[0].0, at as u64 + 1);
    }
}

#[test]
fn cuts_swaps_and_duplicates_are_found_where_they_are() {
    let (_dir, path) = ledger(RECORDS as u64);
    let original = lines(&path);
    let mut dice = Dice(13);
    for _ in 0..4 {
        let at = 1 + dice.below(RECORDS - 200);
        let length = 1 + dice.below(100);
        let mut cut = original.clone();
        cut.drain(at..at + length);
        let mut doubled = original.clone();
        doubled.insert(at, original[at - 1].clone());
        let mut swapped = original.clone();
        swapped.swap(at, at + length);
        let mut moved = original.clone();
        let line = moved.remove(at);
        moved.insert(at + length, line);
        for (what, changed) in [("cut", cut), ("doubled", doubled), ("swapped", swapped), ("moved", moved)] {
            fs::write(&path, changed.concat()).unwrap();
            let found = faults(&path);
            assert_eq!(found[0].0, at as u64 + 1, "{what}: {found:?}");
            assert!(found.len() <= 4, "{what}: {found:?}");
        }
    }
    fs::write(&path, original[1..].concat()).unwrap();
    assert_eq!(faults(&path)[0].0, 1);
}

#[test]
fn a_part_that_was_chained_anew_is_found_where_the_old_chain_goes_on() {
    let (_dir, path) = ledger(RECORDS as u64);
    let original = lines(&path);
    let mut changed = original.clone();
    forge(&mut changed, 4_000);
    chain_anew(&mut changed[..4_500], 4_000);
    fs::write(&path, changed.concat()).unwrap();
    let found = faults(&path);
    assert!(matches!(found[..], [(4_501, Fault::NotLinked { line: 4_501, seq: 4_501 })]), "{found:?}");
}

#[test]
fn everything_that_was_chained_anew_is_a_whole_chain_and_no_daemon_goes_on_with_it() {
    let (dir, path) = ledger(RECORDS as u64);
    let mut changed = lines(&path);
    forge(&mut changed, 4_000);
    chain_anew(&mut changed, 4_000);
    fs::write(&path, changed.concat()).unwrap();
    assert_eq!(verify(&path).unwrap().records, RECORDS as u64, "the chain alone cannot tell");
    let mut ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(ledger.take_rotations()[0].change.word(), "rewritten");
    assert_eq!(ledger.head().seq, RECORDS as u64 + 1);
}

fn forge(lines: &mut [Vec<u8>], at: usize) {
    let text = String::from_utf8(lines[at].clone()).unwrap();
    lines[at] = text.replace("api.test", "www.test").into_bytes();
}
