//! Who may have a question about the past under way.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// Users besides root who ask at a time: each answer is up to 8 MiB in the daemon's memory, and takes up to 5 s to be made.
const SEATS: usize = 4;

/// The users who have one. Each has one question at most, so that none keeps the others out; root is not counted, so that nobody
/// keeps root from the past.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Mutex<HashSet<u32>>>);

impl Seats {
    /// `None` where the user has one already, or all are taken.
    #[must_use]
    pub fn take(&self, uid: u32) -> Option<Seat> {
        if uid == 0 {
            return Some(Seat { uid, seats: self.clone() });
        }
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = taken.len() < SEATS && taken.insert(uid);
        is_free.then(|| Seat { uid, seats: self.clone() })
    }
}

/// A user's place, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    uid: u32,
    seats: Seats,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_has_one_and_root_is_never_kept_out() {
        let seats = Seats::default();
        let first = seats.take(1000).unwrap();
        assert!(seats.take(1000).is_none());
        let others: Vec<Seat> = (1001..1100).filter_map(|uid| seats.take(uid)).collect();
        assert_eq!(others.len(), SEATS - 1);
        assert!(seats.take(0).is_some() && seats.take(0).is_some());
        drop(first);
        assert!(seats.take(1000).is_some());
    }
}
