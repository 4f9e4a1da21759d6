//! What a session did for the rules' sequences: `after:`.

use std::{collections::HashMap, sync::Arc};

use crate::{
    facts::BootNanos,
    rules::model::{MAX_SEQUENCES, Order, Sequence},
};

/// Sequences that are remembered: those of one set, and as many of the sets before it.
const MAX_REMEMBERED: usize = 2 * MAX_SEQUENCES;

/// A fact that was a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub at: BootNanos,
    /// What it was about.
    pub what: Arc<str>,
}

/// The steps seen, by the key of their sequence.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    seen: HashMap<u64, Progress>,
    evicted: u64,
}

/// For every step the facts that led there; empty where it was not reached.
///
/// In any order that is the last fact of the step alone. In the listed order it is the chain from the first step to this
/// one that began last: no other chain can be within the time when this one is not.
type Progress = Vec<Vec<Seen>>;

impl Steps {
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Notes a fact that is a step. The steps of one fact are noted from the last to the first, so that it is not its own
    /// successor.
    pub fn note(&mut self, sequence: &Sequence, step: usize, seen: Seen) {
        if self.seen.len() >= MAX_REMEMBERED && !self.seen.contains_key(&sequence.key) {
            self.drop_stalest();
        }
        let progress =
            self.seen.entry(sequence.key).or_insert_with(|| vec![Vec::new(); sequence.steps.len()]);
        let mut chain = match (sequence.order, step.checked_sub(1).and_then(|before| progress.get(before))) {
            (Order::Any, _) | (Order::Listed, None) => Vec::new(),
            (Order::Listed, Some(before)) if before.is_empty() => return,
            (Order::Listed, Some(before)) => before.clone(),
        };
        chain.push(seen);
        let Some(place) = progress.get_mut(step) else { return };
        let begins = |chain: &[Seen]| chain.first().map(|seen| seen.at);
        if begins(place) <= begins(&chain) {
            *place = chain;
        }
    }

    /// Whether any step happened, however long ago.
    pub fn has_begun(&self, sequence: &Sequence) -> bool {
        self.seen.get(&sequence.key).is_some_and(|progress| progress.iter().any(|chain| !chain.is_empty()))
    }

    /// The last fact of a step, however long ago.
    pub fn last(&self, sequence: &Sequence, step: usize) -> Option<&Seen> {
        self.seen.get(&sequence.key)?.get(step)?.last()
    }

    /// The steps' facts in the order of the steps, where all of them happened in time.
    pub fn recall(&self, sequence: &Sequence, now: BootNanos) -> Option<Vec<&Seen>> {
        let progress = self.seen.get(&sequence.key)?;
        let recent = |seen: &&Seen| now.since(seen.at) <= sequence.within;
        let facts: Vec<&Seen> = match sequence.order {
            Order::Any => progress.iter().filter_map(|chain| chain.last()).filter(recent).collect(),
            Order::Listed => progress.last()?.iter().filter(recent).collect(),
        };
        (facts.len() == sequence.steps.len()).then_some(facts)
    }

    /// Reached only after reloads that changed hundreds of sequences: theirs are the stalest.
    fn drop_stalest(&mut self) {
        let newest = |progress: &Progress| progress.iter().flatten().map(|seen| seen.at).max();
        let stalest = self.seen.iter().min_by_key(|(_, progress)| newest(progress)).map(|(key, _)| *key);
        if stalest.and_then(|key| self.seen.remove(&key)).is_some() {
            self.evicted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        facts::Kind,
        rules::{conditions::Conditions, model::Step, testing::second},
    };

    fn sequence(steps: usize, order: Order) -> Sequence {
        let step = |i| Step { id: format!("s{i}"), on: Kind::Exec, conditions: Conditions::default() };
        let steps = (0..steps).map(step).collect();
        Sequence { steps, order, within: Duration::from_secs(10), key: 1 }
    }

    fn seen(at: u64) -> Seen {
        Seen { at: second(at), what: "x".into() }
    }

    fn times(steps: &Steps, sequence: &Sequence, now: u64) -> Option<Vec<u64>> {
        let facts = steps.recall(sequence, second(now))?;
        Some(facts.iter().map(|seen| seen.at.0 / 1_000_000_000).collect())
    }

    #[test]
    fn listed_steps_must_come_in_their_order() {
        let listed = sequence(2, Order::Listed);
        let mut steps = Steps::default();
        steps.note(&listed, 1, seen(1));
        steps.note(&listed, 0, seen(2));
        assert_eq!(times(&steps, &listed, 3), None, "the second came first");
        steps.note(&listed, 1, seen(4));
        assert_eq!(times(&steps, &listed, 5), Some(vec![2, 4]));
        assert_eq!(times(&steps, &listed, 12), Some(vec![2, 4]));
        assert_eq!(times(&steps, &listed, 13), None, "the first is too old");
    }

    #[test]
    fn the_chain_that_began_last_counts() {
        let listed = sequence(2, Order::Listed);
        let mut steps = Steps::default();
        for (step, at) in [(0, 1), (1, 2), (0, 8), (1, 9)] {
            steps.note(&listed, step, seen(at));
        }
        assert_eq!(times(&steps, &listed, 15), Some(vec![8, 9]));
        steps.note(&listed, 0, seen(14));
        assert_eq!(times(&steps, &listed, 15), Some(vec![8, 9]), "a new beginning does not undo the chain");
    }

    #[test]
    fn in_any_order_the_last_fact_of_every_step_counts() {
        let any = sequence(2, Order::Any);
        let mut steps = Steps::default();
        steps.note(&any, 1, seen(1));
        assert_eq!(times(&steps, &any, 2), None);
        steps.note(&any, 0, seen(5));
        assert_eq!(times(&steps, &any, 6), Some(vec![5, 1]));
        assert_eq!(times(&steps, &any, 12), None);
        steps.note(&any, 1, seen(12));
        assert_eq!(times(&steps, &any, 12), Some(vec![5, 12]));
    }

    #[test]
    fn sequences_that_nobody_asks_for_any_more_are_dropped_and_counted() {
        let mut steps = Steps::default();
        for i in 0..=MAX_REMEMBERED as u64 {
            steps.note(&Sequence { key: i, ..sequence(1, Order::Any) }, 0, seen(i));
        }
        assert_eq!((steps.seen.len(), steps.evicted()), (MAX_REMEMBERED, 1));
        assert!(!steps.seen.contains_key(&0), "the stalest");
    }
}
