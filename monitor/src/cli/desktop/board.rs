//! Which notifications stand on the desktop, and what follows from an answer.

use std::collections::HashMap;

use super::note::Answer;
use crate::control::api::HoldView;

/// How often a notification of a hold that still waits is shown again after another program closed it.
const AGAIN_MAX: u8 = 3;

/// Why a notification went, by the specification's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The person did it.
    Dismissed,
    /// It expired, or a program closed it: any on the bus can, also one of an agent's.
    ByOthers,
}

impl Closed {
    pub fn of(reason: u32) -> Self {
        if reason == 2 { Self::Dismissed } else { Self::ByOthers }
    }
}

/// A notification of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Posted {
    /// The server's number; `None` where it stands there no more.
    number: Option<u32>,
    /// How many others waited under the hold when it was shown.
    others: usize,
    /// What the server sends back, by what it means: nobody guesses it.
    keys: Vec<(String, Answer)>,
    /// [`HoldView::evidence`] as it was shown.
    evidence: String,
    again: u8,
    /// It is to be shown again.
    due: bool,
}

/// An answer, and what the person was shown before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub hold: String,
    pub answer: Answer,
    /// How many others waited under the hold.
    pub seen: usize,
    pub evidence: String,
}

/// What to do so that the desktop shows what waits.
#[derive(Debug, Default, PartialEq)]
pub struct Changes<'a> {
    /// To show, and which number each replaces (0: none).
    pub show: Vec<(&'a HoldView, u32)>,
    pub close: Vec<u32>,
}

/// Notifications of holds, by the hold.
#[derive(Debug, Default)]
pub struct Board(HashMap<String, Posted>);

impl Board {
    pub fn changes<'a>(&mut self, holds: &'a [HoldView]) -> Changes<'a> {
        let mut changes = Changes::default();
        self.0.retain(|id, posted| {
            let waits = holds.iter().any(|hold| hold.id == *id);
            if !waits {
                changes.close.extend(posted.number);
            }
            waits
        });
        for hold in holds {
            match self.0.get(&hold.id) {
                None => changes.show.push((hold, 0)),
                // Whoever approves has to have seen who else waits, and everything that counts for it.
                Some(posted)
                    if posted.due
                        || posted.others < hold.others.len()
                        || posted.evidence != hold.evidence =>
                {
                    changes.show.push((hold, posted.number.unwrap_or(0)));
                }
                Some(_) => {}
            }
        }
        changes
    }

    pub fn posted(&mut self, hold: &HoldView, number: u32, keys: Vec<(String, Answer)>) {
        let again = self.0.get(&hold.id).map_or(0, |before| before.again);
        let (others, evidence) = (hold.others.len(), hold.evidence.clone());
        let posted = Posted { number: Some(number), others, keys, evidence, again, due: false };
        self.0.insert(hold.id.clone(), posted);
    }

    /// The server says that a notification is gone.
    pub fn closed(&mut self, number: u32, why: Closed) {
        let Some(posted) = self.0.values_mut().find(|posted| posted.number == Some(number)) else { return };
        posted.number = None;
        if why == Closed::ByOthers && posted.again < AGAIN_MAX {
            posted.again += 1;
            posted.due = true;
        }
    }

    /// What was answered, to what.
    pub fn answer(&self, number: u32, key: &str) -> Option<Given> {
        let (id, posted) = self.0.iter().find(|(_, posted)| posted.number == Some(number))?;
        let (_, answer) = posted.keys.iter().find(|(known, _)| known == key)?;
        let (hold, evidence) = (id.clone(), posted.evidence.clone());
        Some(Given { hold, answer: *answer, seen: posted.others, evidence })
    }

    /// The server has gone, and everything that it showed.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    pub fn numbers(&self) -> Vec<u32> {
        self.0.values().filter_map(|posted| posted.number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sample;

    fn keys() -> Vec<(String, Answer)> {
        vec![("k1".to_owned(), Answer::Show), ("k2".to_owned(), Answer::Deny)]
    }

    #[test]
    fn what_waits_is_shown_once_and_closed_when_it_was_decided() {
        let (mut board, holds) = (Board::default(), [sample::hold()]);
        assert_eq!(board.changes(&holds).show.len(), 1);
        board.posted(&holds[0], 7, keys());
        assert_eq!(board.changes(&holds), Changes::default());
        assert_eq!(board.changes(&[]).close, [7]);
        assert_eq!(board.answer(7, "k1"), None, "it was decided elsewhere");
    }

    #[test]
    fn who_joins_is_shown_before_the_answer_counts_for_it() {
        let (mut board, mut holds) = (Board::default(), [sample::hold()]);
        holds[0].others = vec!["8 curl".into()];
        board.posted(&holds[0], 7, keys());
        holds[0].others.push("9 curl".into());
        assert_eq!(board.answer(7, "k2").map(|given| (given.answer, given.seen)), Some((Answer::Deny, 1)));
        assert_eq!(board.changes(&holds).show.iter().map(|(_, replaces)| *replaces).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn only_the_keys_of_this_notification_answer_it() {
        let (mut board, hold) = (Board::default(), sample::hold());
        board.posted(&hold, 7, keys());
        for (number, key) in [(7, "approve"), (7, "default"), (8, "k2"), (7, "")] {
            assert_eq!(board.answer(number, key), None, "{number} {key}");
        }
    }

    #[test]
    fn what_another_program_closes_comes_back_and_what_the_person_closes_does_not() {
        let (mut board, holds) = (Board::default(), [sample::hold()]);
        for round in 0..5 {
            if !board.changes(&holds).show.is_empty() {
                board.posted(&holds[0], round, keys());
            }
            board.closed(round, Closed::of(3));
        }
        assert!(board.changes(&holds).show.is_empty(), "not for ever");
        let mut board = Board::default();
        board.posted(&holds[0], 9, keys());
        board.closed(9, Closed::of(2));
        assert!(board.changes(&holds).show.is_empty() && board.numbers().is_empty());
    }
}
