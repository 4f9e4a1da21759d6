//! The two rings as one flow, in the order of time.
//!
//! The rings are read one after the other, and both go on filling. A process that opens a file and ends just then would have
//! its end read now and its open in the next turn: its session would be over when what it did is judged. So a record waits
//! for the next turn where the other ring may still hold an earlier one.

use super::{
    batch::Batch,
    decode::{Record, Undecodable},
    ring::Ring,
};
use crate::{clock::boot_now, facts::BootNanos};

/// Accesses taken in before the daemon's inbox gets its turn again.
const ACCESSES: usize = 1024;
/// More than accesses: they wait for lives.
const LIVES: usize = 4096;

/// What was read and not taken out yet.
#[derive(Default)]
pub struct Inflow {
    lives: Batch,
    accesses: Batch,
    /// Every access up to this time was read.
    horizon: BootNanos,
    /// The lives that were read may not be all.
    more_lives: bool,
    /// When the newest life that was read was made.
    lives_up_to: BootNanos,
}

impl Inflow {
    /// Takes in what both rings hold, one batch of each at most.
    pub fn read(&mut self, accesses: &mut Ring, lives: &mut Ring) {
        let now = boot_now();
        let room = ACCESSES.saturating_sub(self.accesses.len());
        let all = accesses.drain_raw(room, |bytes| self.accesses.push(bytes));
        let room = LIVES.saturating_sub(self.lives.len());
        let all_lives = lives.drain_raw(room, |bytes| self.lives.push(bytes));
        self.set(all.then_some(now), all_lives);
    }

    /// `emptied_at`: when the ring of accesses was read until nothing was left; `None` where more may be there.
    fn set(&mut self, emptied_at: Option<BootNanos>, all_lives: bool) {
        self.horizon = emptied_at.or_else(|| self.accesses.last_at()).unwrap_or(self.horizon);
        self.more_lives = !all_lives;
        self.lives_up_to = self.lives.last_at().unwrap_or(self.lives_up_to);
    }

    /// Everything that happened up to this time was read; what of it is not taken out yet has its turn.
    #[must_use]
    pub fn read_up_to(&self) -> BootNanos {
        if self.more_lives { self.lives_up_to.min(self.horizon) } else { self.horizon }
    }

    /// The next record whose turn it is; a life at the same instant as an access comes first.
    pub fn take(&mut self) -> Option<Result<Record<'_>, Undecodable>> {
        match (self.lives.next_at(), self.accesses.next_at()) {
            (Some(life), Some(access)) if life > access => self.accesses.take(),
            (Some(life), _) if life > self.horizon => None,
            (Some(_), _) => self.lives.take(),
            (None, _) if self.more_lives => None,
            (None, _) => self.accesses.take(),
        }
    }

    /// Frees the room of what was taken out; gives whether something waits.
    pub fn compact(&mut self) -> bool {
        self.lives.compact();
        self.accesses.compact();
        self.waits()
    }

    /// Whether something was read and waits.
    #[must_use]
    pub fn waits(&self) -> bool {
        !(self.lives.is_empty() && self.accesses.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use monitor_common::event::{Header, kind, process::Exit};
    use zerocopy::IntoBytes as _;

    use super::*;
    use crate::probes::decode::{strings, text};

    proptest::proptest! {
        /// Whatever lengths, kinds and times the rings hold, and however they are read: each record is decoded or
        /// refused, none is swallowed, and none twice.
        #[test]
        fn nothing_in_the_rings_panics_or_is_lost(
            records in proptest::collection::vec(
                (0..40_u32, 0..4_usize, 0..20_000_usize, 0..=1_u64, 0..=255_u8, 0..9_u64), 0..12),
            all_lives in proptest::bool::ANY,
            emptied_at in 0..9_u64,
        ) {
            let whole = [size_of::<Exit>(), size_of::<monitor_common::event::process::Exec>()];
            let mut inflow = Inflow::default();
            for (kind, length, any, session, filling, at_ns) in &records {
                let length = whole.get(*length).copied().unwrap_or(*any);
                let header = Header { kind: *kind, tgid: 1, session: *session, at_ns: *at_ns };
                let mut bytes = header.as_bytes().to_vec();
                bytes.resize(length, *filling);
                if filling % 2 == 0 { inflow.lives.push(&bytes) } else { inflow.accesses.push(&bytes) }
            }
            inflow.set(Some(BootNanos(emptied_at)), all_lives);
            let mut seen = 0;
            for turn in 0..2 {
                while let Some(record) = inflow.take() {
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
                let left = inflow.lives.len() + inflow.accesses.len();
                proptest::prop_assert_eq!((inflow.compact(), seen), (left > 0, records.len() - left));
                proptest::prop_assert!(turn == 0 || left == 0);
                inflow.set(Some(BootNanos(u64::MAX)), true);
            }
        }
    }

    /// A life by the tens, an access by its time; what was taken out of both.
    fn taken(inflow: &mut Inflow) -> Vec<u64> {
        std::iter::from_fn(|| inflow.take().map(|record| record.unwrap().header().at_ns)).collect()
    }

    fn push(batch: &mut Batch, times: &[u64]) {
        for at_ns in times {
            batch.push(
                Exit { header: Header { kind: kind::EXIT, tgid: 1, session: 1, at_ns: *at_ns } }.as_bytes(),
            );
        }
    }

    #[test]
    fn both_rings_in_the_order_of_time() {
        let mut inflow = Inflow::default();
        push(&mut inflow.lives, &[10, 30]);
        push(&mut inflow.accesses, &[10, 20, 40]);
        inflow.set(Some(BootNanos(35)), true);
        assert_eq!(taken(&mut inflow), [10, 10, 20, 30, 40]);
        assert!(!inflow.compact());
    }

    #[test]
    fn an_end_waits_for_what_was_done_before_it() {
        let mut inflow = Inflow::default();
        push(&mut inflow.lives, &[10, 30]);
        inflow.set(Some(BootNanos(20)), true);
        assert_eq!(taken(&mut inflow), [10]);
        assert!(inflow.compact());
        push(&mut inflow.accesses, &[25, 31]);
        inflow.set(Some(BootNanos(50)), true);
        assert_eq!(taken(&mut inflow), [25, 30, 31]);
    }

    #[test]
    fn the_last_access_of_a_full_batch_is_as_far_as_lives_go() {
        let mut inflow = Inflow::default();
        push(&mut inflow.lives, &[10, 30]);
        push(&mut inflow.accesses, &[15, 20]);
        inflow.set(None, true);
        assert_eq!(taken(&mut inflow), [10, 15, 20]);
        inflow.compact();
        push(&mut inflow.accesses, &[25]);
        inflow.set(Some(BootNanos(40)), true);
        assert_eq!(taken(&mut inflow), [25, 30]);
    }

    #[test]
    fn an_access_waits_for_the_lives_before_it() {
        let mut inflow = Inflow::default();
        push(&mut inflow.lives, &[10]);
        push(&mut inflow.accesses, &[20]);
        inflow.set(Some(BootNanos(30)), false);
        assert_eq!((taken(&mut inflow), inflow.read_up_to()), (vec![10], BootNanos(10)));
        inflow.compact();
        push(&mut inflow.lives, &[15]);
        inflow.set(Some(BootNanos(40)), true);
        assert_eq!((taken(&mut inflow), inflow.read_up_to()), (vec![15, 20], BootNanos(40)));
    }
}
