//! Accounts: how a hold was explained when it was opened, for the daemon after this one.
//!
//! What a decision was made from does not outlive the daemon: the session's memory and the set of rules. What was told of
//! it does, with the holds that wait, and no longer than they do. Bounded in number and in size.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use interlock_core::explanation::Explanation;

/// Accounts kept; the oldest makes room.
const MAX: usize = 64;
/// The longest account, as it is written, bytes.
const BYTES: usize = 32 * 1024;
/// Secrets of a long one that are kept, of those that do not count and of those that do.
const READ: usize = 8;
const COUNTED: usize = 16;

/// What was said of a hold when it was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The hold's number.
    pub hold: u64,
    /// The session's user.
    pub owner: u32,
    pub explanation: Arc<Explanation>,
}

#[derive(Debug, Default)]
pub struct Accounts(VecDeque<Account>);

impl Accounts {
    /// Keeps the explanation of a hold, shortened where it is too long; not at all where that is not enough.
    pub fn keep(&mut self, hold: u64, owner: u32, explanation: Explanation) {
        let Some(explanation) = shortened(explanation) else { return };
        self.push(Account { hold, owner, explanation: Arc::new(explanation) });
    }

    /// Takes over those of an earlier daemon.
    pub fn restore(&mut self, accounts: Vec<Account>) {
        accounts.into_iter().for_each(|account| self.push(account));
    }

    fn push(&mut self, account: Account) {
        self.0.retain(|known| known.hold != account.hold);
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back(account);
    }

    pub fn of(&self, hold: u64) -> Option<&Account> {
        self.0.iter().find(|account| account.hold == hold)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter()
    }
}

/// What is left out is said; `None` where even the rest is too long.
fn shortened(mut explanation: Explanation) -> Option<Explanation> {
    if fits(&explanation) {
        return Some(explanation);
    }
    let all = explanation.read.len();
    let (mut others, mut counted) = (READ, COUNTED);
    explanation.read.retain(|read| {
        let room = if read.counts { &mut counted } else { &mut others };
        let keep = *room > 0;
        *room = room.saturating_sub(1);
        keep
    });
    let left_out = all - explanation.read.len();
    if left_out > 0 {
        explanation
            .unknown
            .push(format!("{left_out} more secrets that the session had read did not survive a restart"));
    }
    if !fits(&explanation) {
        explanation.event = Value::Null; // the longest part of it are arguments, which the lineage shows the begin of
    }
    fits(&explanation).then_some(explanation)
}

fn fits(explanation: &Explanation) -> bool {
    serde_json::to_vec(explanation).is_ok_and(|text| text.len() <= BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sample;
    use interlock_core::explanation::Read;

    fn long(secrets: usize, argument: usize) -> Explanation {
        let mut explanation = sample::explanation();
        let one = explanation.read.remove(0);
        let lineage = vec!["4711 claude".repeat(14); 4];
        explanation.read = (0..secrets)
            .map(|i| {
                let mut read = Read { path: format!("/{i}"), counts: i % 2 == 0, ..one.clone() };
                read.by.as_mut().unwrap().lineage.clone_from(&lineage);
                read
            })
            .collect();
        explanation.event = serde_json::json!({ "process.args": ["x".repeat(argument)] });
        explanation
    }

    #[test]
    fn a_short_account_is_kept_as_it_was_told() {
        let mut accounts = Accounts::default();
        accounts.keep(7, 1000, sample::explanation());
        let kept = accounts.of(7).unwrap();
        assert_eq!((kept.owner, &*kept.explanation), (1000, &sample::explanation()));
        let text = serde_json::to_string(kept).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), *kept);
        assert_eq!(accounts.of(8), None);
    }

    #[test]
    fn of_a_long_account_what_counts_is_kept_and_what_is_missing_is_said() {
        let explanation = shortened(long(200, 10)).unwrap();
        let counted = explanation.read.iter().filter(|read| read.counts).count();
        assert_eq!((counted, explanation.read.len()), (COUNTED, COUNTED + READ));
        assert_eq!(explanation.unknown.last().unwrap().split(' ').next(), Some("176"));
        assert!(fits(&explanation) && !explanation.event.is_null());
        let explanation = shortened(long(1, 2 * BYTES)).unwrap();
        assert!(fits(&explanation) && explanation.event.is_null() && explanation.read.len() == 1);
        let mut endless = long(1, 10);
        endless.lineage = vec!["x".repeat(BYTES)];
        assert_eq!(shortened(endless), None);
    }

    #[test]
    fn their_number_is_bounded_and_a_hold_has_one() {
        let mut accounts = Accounts::default();
        (0..=MAX as u64).for_each(|hold| accounts.keep(hold, 0, sample::explanation()));
        accounts.keep(MAX as u64, 1, sample::explanation());
        assert_eq!((accounts.iter().count(), accounts.of(0)), (MAX, None));
        assert_eq!(accounts.of(MAX as u64).unwrap().owner, 1);
        let mut next = Accounts::default();
        next.restore(accounts.iter().cloned().collect());
        assert_eq!(next.iter().count(), MAX);
    }
}
