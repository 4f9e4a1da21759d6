//! The two rings as one flow, in the order of time.
//!
//! The rings are read one after the other, and both go on filling. A process that opens a file and ends just then would have
//! its end read now and its open in the next turn: its session would be over when what it did is judged. So a life waits for
//! the next turn where the other ring may still hold an earlier access.
//!
//! A record's time was taken before its place in the ring was reserved. So whatever is behind a record was reserved after
//! that record's time, and the end of the process that made it comes later still: up to the newest time that was read, no
//! end is too early.

use monitor_common::event::{Header, kind};
use zerocopy::FromBytes as _;

use super::{
    batch::Batch,
    decode::{Record, Undecodable},
    ring::Ring,
};
use crate::clock::boot_now;
use interlock_core::facts::BootNanos;

/// Accesses taken in before the daemon's inbox gets its turn again.
const ACCESSES: usize = 1024;
/// Lives taken in; more than accesses, because those wait for them. So many never wait: while accesses flood, their order
/// is given up before lives would be lost.
const LIVES: usize = 4096;

/// What was read and not taken out yet.
#[derive(Default)]
pub struct RingMerger {
    /// Programs of processes outside of every session: nothing else is known of those, so they wait for nothing.
    candidates: Batch,
    lives: Batch,
    accesses: Batch,
    /// Of what was done up to this time, nothing is left in the ring of accesses.
    horizon: BootNanos,
    /// The lives that were read may not be all.
    more_lives: bool,
    /// Lives wait for nothing.
    hurries: bool,
}

impl RingMerger {
    /// Takes in what both rings hold, one batch of each at most.
    pub fn read(&mut self, accesses: &mut Ring, lives: &mut Ring) {
        let now = boot_now();
        let room = ACCESSES.saturating_sub(self.accesses.len());
        let all = accesses.drain_raw(room, |bytes| self.accesses.push(bytes));
        let room = LIVES.saturating_sub(self.lives.len());
        let all_lives = lives.drain_raw(room, |bytes| self.push_life(bytes));
        self.set(all.then_some(now), all_lives);
    }

    fn push_life(&mut self, bytes: &[u8]) {
        let header = Header::ref_from_prefix(bytes);
        let is_candidate = header.is_ok_and(|(header, _)| header.kind == kind::EXEC && header.session == 0);
        if is_candidate { self.candidates.push(bytes) } else { self.lives.push(bytes) }
    }

    /// `emptied_at`: the ring of accesses was empty at some time after this; `None` where it was not.
    fn set(&mut self, emptied_at: Option<BootNanos>, all_lives: bool) {
        self.horizon = emptied_at.unwrap_or(self.accesses.newest());
        self.more_lives = !all_lives;
        self.hurries = self.lives.len() >= LIVES;
    }

    /// Nothing waits any more: what follows is not read by this daemon.
    pub fn let_go(&mut self) {
        (self.hurries, self.more_lives) = (true, false);
    }

    /// Everything that was done up to this time was read, and has its turn before [`RingMerger::take`] gives nothing more.
    #[must_use]
    pub fn complete_up_to(&self) -> BootNanos {
        if self.more_lives { self.lives.newest().min(self.horizon) } else { self.horizon }
    }

    /// The next record whose turn it is; a life at the same instant as an access comes first.
    pub fn take(&mut self) -> Option<Result<Record<'_>, Undecodable>> {
        if !self.candidates.is_empty() {
            return self.candidates.take();
        }
        match (self.lives.next_at(), self.accesses.next_at()) {
            (Some(life), Some(access)) if life > access => self.accesses.take(),
            (Some(life), _) if life > self.horizon && !self.hurries => None,
            (Some(_), _) => self.lives.take(),
            (None, _) if self.more_lives => None,
            (None, _) => self.accesses.take(),
        }
    }

    /// Frees the room of what was taken out.
    pub fn compact(&mut self) {
        for batch in [&mut self.candidates, &mut self.lives, &mut self.accesses] {
            batch.compact();
        }
    }

    /// Whether something was read and waits.
    #[must_use]
    pub fn waits(&self) -> bool {
        [&self.candidates, &self.lives, &self.accesses].iter().any(|batch| !batch.is_empty())
    }
}

#[cfg(test)]
mod tests;
