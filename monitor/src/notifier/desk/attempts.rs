//! What follows from an attempt.

use jiff::Timestamp;

use super::{Desk, backoff, signed};
use crate::notifier::{outbox::Letter, outcome::Outcome};

impl Desk {
    /// What became of an attempt.
    pub fn done(&mut self, letter: &Letter, outcome: &Outcome, now: Timestamp) {
        self.under_way.remove(&letter.number);
        let Letter { number, target, .. } = letter;
        match outcome {
            Outcome::Delivered(handle) => {
                if let Some(key) = letter.notice.fold_key() {
                    self.repeats.told(target, key, now);
                }
                // Nothing more is wanted of it: it is not written once more to be removed then.
                let over = |kept: &Letter| kept.wanted <= letter.wanted && !kept.notice.waits();
                if self.outbox.get(*number).is_some_and(over) {
                    self.outbox.remove(*number);
                } else {
                    self.outbox.change(*number, |kept| {
                        kept.sent = letter.wanted;
                        kept.handle.clone_from(handle);
                        kept.attempts = 0;
                    });
                }
            }
            Outcome::Later { pause, .. } => {
                let after = |pause| now.checked_add(signed(pause)).unwrap_or(now);
                if let Some(pause) = pause {
                    self.pauses.insert(target.clone(), after(*pause));
                }
                self.outbox.change(*number, |kept| {
                    kept.attempts = kept.attempts.saturating_add(1);
                    kept.not_before = after(backoff::pause(kept.attempts));
                });
            }
            Outcome::Refused(_) => self.refused(letter, now),
        }
        self.post();
        self.board.attempted(target, letter, outcome, now); // last: who reads that it was delivered sees nothing of it wait
    }

    fn refused(&mut self, letter: &Letter, now: Timestamp) {
        let Some(kept) = self.outbox.get(letter.number) else { return };
        if letter.handle.is_some() {
            // What can be changed no more is told anew.
            return self.outbox.change(letter.number, |kept| kept.handle = None);
        }
        if kept.notice.waits() && kept.escalate_at.is_some() {
            // Nobody there will see it: the next target need not wait.
            return self.outbox.change(letter.number, |kept| {
                kept.sent = kept.wanted;
                kept.escalate_at = Some(now);
            });
        }
        if kept.wanted > letter.wanted {
            return; // it says something else by now, which is tried
        }
        self.outbox.remove(letter.number);
    }
}
