//! Places for connections: so many in all, and so many for each user, so that one user's do not take another's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Connections that users other than root may have open together. Each costs two descriptors.
pub const ALL: usize = 256;
/// Those of one user. A screen, its events and a few commands beside are five.
pub const OF_ONE: usize = 32;

/// Who has how many.
#[derive(Clone, Debug, Default)]
pub struct Places(Arc<Mutex<HashMap<u32, usize>>>);

/// One connection's; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    of: Places,
    user: u32,
}

impl Places {
    /// A place for one more of the user's; `None` where there is none.
    #[must_use]
    pub fn take(&self, user: u32) -> Option<Place> {
        let mut taken = self.taken();
        let own = taken.get(&user).copied().unwrap_or_default();
        if own >= OF_ONE || taken.values().sum::<usize>() >= ALL {
            return None;
        }
        taken.insert(user, own + 1);
        Some(Place { of: self.clone(), user })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        let left = taken.get(&self.user).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.user);
        } else {
            taken.insert(self.user, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_users_places_are_no_other_users() {
        let places = Places::default();
        let mut own: Vec<Place> = (0..OF_ONE).map(|_| places.take(7).unwrap()).collect();
        assert!(places.take(7).is_none());
        let other = places.take(8).unwrap();
        own.pop();
        own.push(places.take(7).unwrap());
        let all: Vec<Place> =
            (0..ALL - OF_ONE - 1).map(|at| places.take(100 + at as u32 / 32).unwrap()).collect();
        assert!(places.take(9).is_none(), "there are so many in all");
        drop((own, other, all));
        assert!(places.taken().is_empty());
    }
}
