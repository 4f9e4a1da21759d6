use monitor_common::event::{
    Header, kind,
    process::{Exec, Exit},
};
use zerocopy::IntoBytes as _;

use super::*;
use interlock_core::strings::{strings, text};

proptest::proptest! {
    /// Whatever lengths, kinds and times the rings hold, and however they are read: each record is decoded or refused, none
    /// is swallowed, and none twice.
    #[test]
    fn nothing_in_the_rings_panics_or_is_lost(
        records in proptest::collection::vec(
            (0..40_u32, 0..4_usize, 0..20_000_usize, 0..=1_u64, 0..=255_u8, 0..9_u64), 0..12),
        all_lives in proptest::bool::ANY,
        emptied_at in proptest::option::of(0..9_u64),
    ) {
        let whole = [size_of::<Exit>(), size_of::<Exec>()];
        let mut rings = RingMerger::default();
        for (kind, length, any, session, filling, at_ns) in &records {
            let length = whole.get(*length).copied().unwrap_or(*any);
            let header = Header { kind: *kind, tgid: 1, session: *session, at_ns: *at_ns };
            let mut bytes = header.as_bytes().to_vec();
            bytes.resize(length, *filling);
            if filling % 2 == 0 { rings.push_life(&bytes) } else { rings.accesses.push(&bytes) }
        }
        rings.set(emptied_at.map(BootNanos), all_lives);
        let mut seen = 0;
        for turn in 0..2 {
            while let Some(record) = rings.take() {
                seen += 1;
                match record {
                    Ok(Record::Exec(exec)) => {
                        proptest::prop_assert!(text(&exec.filename).len() <= 3 * exec.filename.len());
                        drop(strings(&exec.args, exec.args_len));
                    }
                    Ok(record) => proptest::prop_assert_ne!(record.header().kind, 0),
                    Err(refused) => proptest::prop_assert!(refused.bytes <= 20_000),
                }
            }
            rings.compact();
            let left = rings.candidates.len() + rings.lives.len() + rings.accesses.len();
            proptest::prop_assert_eq!((rings.waits(), seen), (left > 0, records.len() - left));
            proptest::prop_assert!(turn == 0 || left == 0);
            rings.let_go();
        }
    }

    /// Both rings as the kernel fills them: each record's time lies before its place, and a process ends after what it did.
    /// However much is read at a time, no end comes before what its process did, and all comes out.
    #[test]
    fn no_process_ends_before_what_it_did(
        acts in proptest::collection::vec((0..6_u32, 1..5_u64), 1..60),
        batch in 1..7_usize,
    ) {
        let mut clock = 10;
        let mut accesses: Vec<(u64, u32)> = Vec::new();
        let mut last = [0; 6];
        for (pid, late) in &acts {
            clock += 1;
            // Reserved now, its time taken somewhat earlier: another processor was in between.
            accesses.push((clock * 10 - late * 7 % 19, *pid));
            last[*pid as usize] = clock * 10;
        }
        let mut ends: Vec<(u64, u32)> = (0_u32..).zip(last).map(|(pid, at)| (at + 1, pid)).collect();
        ends.sort_unstable();
        let (mut rings, mut seen) = (RingMerger::default(), Vec::new());
        for (at_ns, tgid) in ends {
            rings.lives.push(record(END, tgid, at_ns).as_bytes());
        }
        let mut rest = accesses.as_slice();
        loop {
            let (now, later) = rest.split_at(batch.min(rest.len()));
            for (at_ns, tgid) in now {
                rings.accesses.push(record(DEED, *tgid, *at_ns).as_bytes());
            }
            rest = later;
            rings.set(rest.is_empty().then_some(BootNanos(clock * 10 + 5)), true);
            while let Some(taken) = rings.take() {
                let header = *taken.unwrap().header();
                seen.push((header.session, header.tgid));
            }
            rings.compact();
            if rest.is_empty() {
                break;
            }
        }
        proptest::prop_assert!(!rings.waits());
        proptest::prop_assert_eq!(seen.len(), acts.len() + 6);
        for pid in 0..6 {
            let ended = seen.iter().position(|found| *found == (END, pid));
            let did = seen.iter().rposition(|found| *found == (DEED, pid));
            proptest::prop_assert!(did < ended, "{:?}", seen);
        }
    }
}

/// Sessions that tell the records apart.
const END: u64 = 1;
const DEED: u64 = 2;

fn record(session: u64, tgid: u32, at_ns: u64) -> Exit {
    Exit { header: Header { kind: kind::EXIT, tgid, session, at_ns } }
}

fn push(batch: &mut Batch, times: &[u64]) {
    for at_ns in times {
        batch.push(record(END, 1, *at_ns).as_bytes());
    }
}

/// The times of what can be taken out, of both.
fn taken(rings: &mut RingMerger) -> Vec<u64> {
    let times = std::iter::from_fn(|| rings.take().map(|record| record.unwrap().header().at_ns)).collect();
    rings.compact();
    times
}

#[test]
fn both_rings_in_the_order_of_time() {
    let mut rings = RingMerger::default();
    push(&mut rings.lives, &[10, 30]);
    push(&mut rings.accesses, &[10, 20, 40]);
    rings.set(Some(BootNanos(35)), true);
    assert_eq!(taken(&mut rings), [10, 10, 20, 30, 40]);
    assert!(!rings.waits());
}

#[test]
fn an_end_waits_for_what_was_done_before_it() {
    let mut rings = RingMerger::default();
    push(&mut rings.lives, &[10, 30]);
    rings.set(Some(BootNanos(20)), true);
    assert_eq!((taken(&mut rings), rings.complete_up_to()), (vec![10], BootNanos(20)));
    assert!(rings.waits());
    push(&mut rings.accesses, &[25, 31]);
    rings.set(Some(BootNanos(50)), true);
    assert_eq!(taken(&mut rings), [25, 30, 31]);
}

#[test]
fn lives_go_as_far_as_the_newest_access_of_a_full_batch() {
    let mut rings = RingMerger::default();
    push(&mut rings.lives, &[10, 19, 30]);
    push(&mut rings.accesses, &[20, 15]); // times are not wholly in order
    rings.set(None, true);
    assert_eq!((taken(&mut rings), rings.complete_up_to()), (vec![10, 19, 20, 15], BootNanos(20)));
    rings.set(None, true);
    assert!(taken(&mut rings).is_empty());
    push(&mut rings.accesses, &[25]);
    rings.set(Some(BootNanos(40)), true);
    assert_eq!(taken(&mut rings), [25, 30]);
}

#[test]
fn an_access_waits_for_the_lives_before_it() {
    let mut rings = RingMerger::default();
    push(&mut rings.lives, &[10]);
    push(&mut rings.accesses, &[20]);
    rings.set(Some(BootNanos(30)), false);
    assert_eq!((taken(&mut rings), rings.complete_up_to()), (vec![10], BootNanos(10)));
    push(&mut rings.lives, &[15]);
    rings.set(Some(BootNanos(40)), true);
    assert_eq!((taken(&mut rings), rings.complete_up_to()), (vec![15, 20], BootNanos(40)));
}

#[test]
fn a_program_outside_of_every_session_waits_for_nothing() {
    let mut rings = RingMerger::default();
    push(&mut rings.lives, &[30]);
    let mut program = vec![0; size_of::<monitor_common::event::process::ExecCandidate>()];
    let header = Header { kind: kind::EXEC, tgid: 1, session: 0, at_ns: 40 };
    program[..size_of::<Header>()].copy_from_slice(header.as_bytes());
    rings.push_life(&program);
    rings.set(Some(BootNanos(20)), true);
    assert_eq!(taken(&mut rings), [40]);
    assert!(rings.waits());
}

#[test]
fn lives_are_not_lost_for_the_sake_of_their_order() {
    let mut rings = RingMerger::default();
    push(&mut rings.accesses, &[1]);
    push(&mut rings.lives, &vec![9; LIVES - 1]);
    rings.set(None, true);
    assert_eq!(taken(&mut rings), [1]);
    push(&mut rings.lives, &[9]);
    rings.set(None, false);
    assert_eq!(taken(&mut rings).len(), LIVES);
}
