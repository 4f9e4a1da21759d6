//! What time alone does to letters: nobody has answered, or they are stale.

use std::time::Duration;

use jiff::Timestamp;

use super::{Desk, escalation, signed};
use crate::{
    config::Target,
    notifier::{notice::Notice, outbox::Letter},
};

/// What nobody waits for is not told any more after so long.
const STALE: Duration = Duration::from_secs(24 * 3600);
impl Desk {
    /// Tells the next target of what nobody has answered, and gives up what is stale; returns whether there was anything.
    pub fn look(&mut self, now: Timestamp) -> bool {
        let due = |letter: &&Letter| letter.notice.waits() && letter.escalate_at.is_some_and(|at| at <= now);
        let due: Vec<Letter> = self.outbox.letters().filter(due).cloned().collect();
        let mut changed = !due.is_empty();
        for letter in due {
            self.outbox.change(letter.number, |letter| letter.escalate_at = None);
            self.escalate(&letter, now);
        }
        let stale = |letter: &&Letter| {
            !letter.notice.waits()
                && now.duration_since(ended(letter)) > signed(STALE)
                && !self.under_way.contains(&letter.number)
        };
        let stale: Vec<u64> = self.outbox.letters().filter(stale).map(|letter| letter.number).collect();
        for number in &stale {
            if let Some(letter) = self.outbox.remove(*number) {
                self.board.count(&letter.target, "expired");
                tracing::error!(
                    target = letter.target,
                    key = letter.notice.key,
                    "a message was not delivered within a day, and is told no more"
                );
            }
        }
        changed |= !stale.is_empty();
        if changed {
            self.post();
        }
        changed
    }

    fn escalate(&mut self, from: &Letter, now: Timestamp) {
        let next = |target: &Target| target.name == from.target;
        let Some(to) = self.targets.iter().find(|target| next(target)).and_then(|target| target.to.clone())
        else {
            return;
        };
        let known = |letter: &Letter| letter.target == to && letter.notice.key == from.notice.key;
        let Some(target) = self.targets.iter().find(|target| target.name == to) else { return };
        let escalate_at = escalation(target, now);
        if self.outbox.letters().any(known) {
            return; // it was told by itself
        }
        self.board.count(&from.target, "escalated");
        let notice = Notice { escalated_from: Some(from.target.clone()), ..from.notice.clone() };
        self.add(Letter { escalate_at, ..Letter::new(&to, notice, now) });
    }
}

/// When something happened that is told of: for what ended, its end.
fn ended(letter: &Letter) -> Timestamp {
    letter.notice.decided.as_ref().map_or(letter.notice.at, |decided| decided.at)
}
