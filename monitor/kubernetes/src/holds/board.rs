//! What the cluster is to be told: for each hold the state that its object should have, and not what happened in between. So a hold that is
//! decided while the API is away is told once, as what it became.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::hold::{HoldSpec, HoldStatus, HoldType};

/// Most objects of a node: more holds than a session's 64 of 64 sessions. What finds no room is counted, and decided on the node.
pub const MOST: usize = 4096;
/// How long an object stays after its end, for whoever looks what became of it.
pub const STAYS: Duration = Duration::from_secs(600);

/// One object as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub namespace: String,
    pub name: String,
    pub spec: HoldSpec,
    pub status: HoldStatus,
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    /// What has to be written of it.
    dirty: bool,
    /// It is over since then.
    ended: Option<Instant>,
    /// The object's uid, once there is one.
    uid: Option<String>,
}

/// Written by the daemon's event loop, which never waits; read by whoever tells the cluster.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<BTreeMap<String, Entry>>,
    changed: Notify,
    /// What waits is known: what else there is of this node is of an earlier daemon.
    complete: AtomicBool,
    dropped: AtomicU64,
    failures: AtomicU64,
    proof: Mutex<Option<Result<(), String>>>,
}

impl Board {
    /// How an object should be from now on. Fails open: the cluster is told nothing of what finds no room, and it is decided on the node.
    pub fn put(&self, wanted: Wanted) {
        let mut entries = self.entries();
        let (is_over, is_full) = (wanted.status.state.is_over(), entries.len() >= MOST);
        match entries.get_mut(&wanted.name) {
            Some(entry) if entry.wanted == wanted => return,
            Some(entry) => {
                entry.ended = is_over.then(|| entry.ended.unwrap_or_else(Instant::now));
                (entry.wanted, entry.dirty) = (wanted, true);
            }
            None if is_full => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            None => {
                let ended = is_over.then(Instant::now);
                entries.insert(wanted.name.clone(), Entry { wanted, dirty: true, ended, uid: None });
            }
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// An object's end, or a step on the way there; one that the cluster was not told of is none.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut HoldStatus)) {
        let Some((mut wanted, _)) = self.find(name) else { return };
        change(&mut wanted.status);
        self.put(wanted);
    }

    /// Whether an object is there to be told that shows this.
    #[must_use]
    pub fn shows(&self, name: &str, shown: impl FnOnce(&Wanted) -> bool) -> bool {
        self.entries().get(name).is_some_and(|entry| shown(&entry.wanted))
    }

    /// What waits, of that kind.
    #[must_use]
    pub fn waiting(&self, kind: HoldType) -> Vec<Wanted> {
        let entries = self.entries();
        let waits = |entry: &&Entry| entry.ended.is_none() && entry.wanted.spec.kind == kind;
        entries.values().filter(waits).map(|entry| entry.wanted.clone()).collect()
    }

    /// Whether the cluster was seen to refuse a forged decision when that was last looked at, or why not; `None`: nobody has looked.
    #[must_use]
    pub fn proof(&self) -> Option<Result<(), String>> {
        self.proof.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn proven(&self, found: Result<(), String>) {
        let mut proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Err(why), Some(Ok(())) | None) = (&found, &*proof) {
            tracing::warn!(why, "no decision is taken from the cluster");
        }
        *proof = Some(found);
    }

    /// Everything that waits at the start was put.
    pub fn set_complete(&self) {
        self.complete.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// What did not find room since the start, and attempts to tell the cluster that failed.
    #[must_use]
    pub fn dropped_and_failed(&self) -> (u64, u64) {
        (self.dropped.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Objects that are not yet as they should be.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.entries().values().filter(|entry| entry.dirty).count()
    }

    pub(super) fn knows_all(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// What has to be written, each as it is now.
    pub(super) fn dirty(&self) -> Vec<Wanted> {
        let entries = self.entries();
        entries.values().filter(|entry| entry.dirty).map(|entry| entry.wanted.clone()).collect()
    }

    /// That was written, under this uid; it stays to be written if it has changed meanwhile.
    pub(super) fn written(&self, wanted: &Wanted, uid: Option<String>) {
        if let Some(entry) = self.entries().get_mut(&wanted.name) {
            entry.dirty = entry.wanted != *wanted;
            entry.uid = uid;
        }
    }

    /// It cannot be written, and never will: its pod or namespace is gone.
    pub(super) fn forget(&self, name: &str) {
        self.entries().remove(name);
    }

    /// Those whose time is over, to be removed from the cluster.
    pub(super) fn due(&self, now: Instant) -> Vec<Wanted> {
        let entries = self.entries();
        let due = |entry: &&Entry| {
            !entry.dirty && entry.ended.is_some_and(|ended| now.duration_since(ended) >= STAYS)
        };
        entries.values().filter(due).map(|entry| entry.wanted.clone()).collect()
    }

    /// Who could not be told of an end for as long as that would have stayed is not told.
    pub(super) fn give_up(&self, now: Instant) {
        self.entries().retain(|_, entry| {
            !entry.dirty || entry.ended.is_none_or(|ended| now.duration_since(ended) < STAYS)
        });
    }

    /// Of what waits, everything but these is to be written again: somebody has removed it.
    pub(super) fn write_again(&self, there: &[String]) {
        let mut entries = self.entries();
        let missing =
            entries.iter_mut().filter(|(name, entry)| entry.ended.is_none() && !there.contains(name));
        missing.for_each(|(_, entry)| entry.dirty = true);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries().contains_key(name)
    }

    /// An object as it should be, and its uid where it is there.
    pub(super) fn find(&self, name: &str) -> Option<(Wanted, Option<String>)> {
        self.entries().get(name).map(|entry| (entry.wanted.clone(), entry.uid.clone()))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::{hold::State, tests::wanted};

    #[test]
    fn what_changes_while_it_is_written_is_written_again() {
        let board = Board::default();
        let first = wanted("h1");
        board.put(first.clone());
        board.put(first.clone());
        assert_eq!((board.dirty(), board.behind()), (vec![first.clone()], 1));
        let mut decided = first.clone();
        decided.status.state = State::Approved;
        board.put(decided.clone());
        board.written(&first, Some("u".into()));
        assert_eq!(board.dirty(), [decided.clone()]);
        board.written(&decided, Some("u".into()));
        assert_eq!(board.dirty(), []);
        assert_eq!(board.find(&decided.name).unwrap().1.as_deref(), Some("u"));
    }

    #[test]
    fn what_is_over_stays_for_a_while_and_what_waits_stays() {
        let board = Board::default();
        let mut over = wanted("h1");
        over.status.state = State::Denied;
        for wanted in [over.clone(), wanted("h2")] {
            board.put(wanted.clone());
            board.written(&wanted, None);
        }
        let now = Instant::now();
        assert_eq!(board.due(now), []);
        assert_eq!(board.due(now + STAYS + Duration::from_secs(1)), [over]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let board = Board::default();
        (0..MOST + 3).for_each(|number| board.put(wanted(&format!("h{number}"))));
        assert_eq!(board.dropped_and_failed(), (3, 0));
        assert_eq!(board.behind(), MOST);
    }
}
