//! Who is told what, and when: filters, quiet hours, repeats, escalation, and what became of attempts. It sends nothing and reads no
//! clock.

mod attempts;
mod backoff;
mod escalation;
mod repeats;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use self::repeats::Repeats;
use super::{
    board::Board,
    notice::{Decided, Notice},
    outbox::{Letter, Outbox},
};
use crate::config::{Class, Target};
use interlock_core::facts::HoldState;

/// No pause is longer: one that is was written down before the clock was set back.
const PAUSE_MAX: Duration = Duration::from_secs(25 * 3600);

/// All letters, and the targets that they are for.
pub struct Desk {
    targets: Arc<[Target]>,
    outbox: Outbox,
    /// Letters that a thread is at.
    under_way: BTreeSet<u64>,
    /// Until when a server asked to be left alone, by its target: about everything, not about one letter.
    pauses: BTreeMap<String, Timestamp>,
    repeats: Repeats,
    board: Board,
    zone: TimeZone,
}

impl Desk {
    /// Letters to targets that are configured no more are dropped, and counted.
    #[must_use]
    pub fn new(targets: Arc<[Target]>, outbox: Outbox, board: Board, zone: TimeZone) -> Self {
        let mut desk = Self {
            targets,
            outbox,
            under_way: BTreeSet::new(),
            pauses: BTreeMap::new(),
            repeats: Repeats::default(),
            board,
            zone,
        };
        let unknown = |letter: &&Letter| !desk.targets.iter().any(|target| target.name == letter.target);
        let unknown: Vec<u64> = desk.outbox.letters().filter(unknown).map(|letter| letter.number).collect();
        for number in unknown {
            if let Some(letter) = desk.outbox.remove(number) {
                if letter.is_pending() {
                    desk.board.count(&letter.target, "dropped");
                }
                tracing::warn!(
                    target = letter.target,
                    key = letter.notice.key,
                    "no target of that name is configured any more; its message is dropped"
                );
            }
        }
        desk.post();
        desk
    }

    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Writes a letter to each target that wants to know.
    pub fn take(&mut self, notice: &Notice, now: Timestamp) {
        match notice.class {
            Class::Hold => self.ask(notice, now),
            Class::Decided => self.decided(notice, now),
            _ => self.tell(notice, now),
        }
        self.post();
    }

    /// To one target, whatever it wants and whatever the hour.
    pub fn try_out(&mut self, target: &str, notice: Notice, now: Timestamp) {
        self.add(Letter::new(target, notice, now));
        self.post();
    }

    /// What an earlier daemon told of and does not wait any more has ended while nobody saw it.
    pub fn only_these_wait(&mut self, waiting: &[String], now: Timestamp) {
        let over = |letter: &&Letter| letter.notice.waits() && !waiting.contains(&letter.notice.key);
        let over: Vec<Notice> =
            self.outbox.letters().filter(over).map(|letter| letter.notice.clone()).collect();
        for mut notice in over {
            notice.class = Class::Decided;
            let reason = Some("it ended while no daemon ran".to_owned());
            notice.decided = Some(Decided { state: HoldState::Gone, at: now, by: None, reason });
            self.decided(&notice, now);
        }
        self.post();
    }

    fn ask(&mut self, notice: &Notice, now: Timestamp) {
        for target in Arc::clone(&self.targets).iter() {
            let known = |letter: &Letter| letter.target == target.name && letter.notice.key == notice.key;
            if wanted::wants(target, notice) && !self.outbox.letters().any(known) {
                self.add(Letter {
                    escalate_at: escalation(target, notice.at),
                    ..Letter::new(&target.name, notice.clone(), now)
                });
            }
        }
    }

    /// Whoever was told of the hold sees what became of it in its place, or as one message if nothing was told yet.
    fn decided(&mut self, notice: &Notice, now: Timestamp) {
        for target in Arc::clone(&self.targets).iter() {
            let letter = self.outbox.letters().find(|letter| {
                letter.target == target.name && letter.notice.key == notice.key && letter.notice.waits()
            });
            let Some(letter) = letter else {
                // Asked by nobody, and wanted: a target for what was decided alone.
                if wanted::wants(target, notice) && !target.events.contains(&Class::Hold) {
                    self.add(Letter::new(&target.name, notice.clone(), now));
                }
                continue;
            };
            let Letter { number, notice: before, .. } = letter;
            let (number, escalated) = (*number, before.escalated_from.clone());
            // Of a session that is over, the daemon knows the owner no more.
            let (user, owner) = (notice.user.or(before.user), notice.owner.clone().or(before.owner.clone()));
            if escalated.is_none() && !target.events.contains(&Class::Decided) {
                if letter.is_pending() {
                    self.board.count(&target.name, "superseded");
                }
                self.outbox.remove(number);
                continue;
            }
            let under_way = self.under_way.contains(&number);
            self.outbox.change(number, |letter| {
                letter.becomes(Notice { escalated_from: escalated, user, owner, ..notice.clone() });
                letter.wanted += u32::from(under_way); // what is just being told will have been told
            });
        }
    }

    fn tell(&mut self, notice: &Notice, now: Timestamp) {
        for target in Arc::clone(&self.targets).iter() {
            if !wanted::wants(target, notice) {
                continue;
            }
            let Some(key) = notice.fold_key() else {
                self.add(Letter::new(&target.name, notice.clone(), now));
                continue;
            };
            let same = |letter: &&Letter| {
                letter.target == target.name
                    && letter.sent == 0
                    && !self.under_way.contains(&letter.number)
                    && letter.notice.fold_key().as_ref() == Some(&key)
            };
            let number = self.outbox.letters().find(same).map(|letter| letter.number);
            if let Some(number) = number {
                self.outbox.change(number, |letter| letter.notice.count += notice.count);
                continue;
            }
            let not_before = self.repeats.not_before(&target.name, &key, now);
            self.add(Letter::new(&target.name, notice.clone(), not_before));
        }
    }

    /// How long a server still wants to be left alone.
    fn paused(&self, target: &str, now: Timestamp) -> Option<Duration> {
        let left = self.pauses.get(target)?.duration_since(now);
        Duration::try_from(left).ok().filter(|left| !left.is_zero() && *left <= PAUSE_MAX)
    }

    /// The next letter to a target, which is under way from now on.
    pub fn next(&mut self, target: &str, now: Timestamp) -> Option<Letter> {
        let target = self.targets.iter().find(|known| known.name == target)?;
        if self.paused(&target.name, now).is_some() {
            return None;
        }
        let due = |letter: &&Letter| {
            let asked_back = letter.not_before.duration_since(now) > signed(PAUSE_MAX);
            letter.target == target.name
                && letter.is_pending()
                && !self.under_way.contains(&letter.number)
                && (letter.not_before <= now || asked_back)
                && wanted::rests(target, letter, now, &self.zone).is_none()
        };
        // Whoever is asked first, then in the order in which it happened.
        let next =
            self.outbox.letters().filter(due).min_by_key(|letter| (!letter.notice.waits(), letter.number))?;
        let next = next.clone();
        self.under_way.insert(next.number);
        Some(next)
    }

    /// When a target should ask again: something of its becomes due then.
    #[must_use]
    pub fn wake(&self, target: &str, now: Timestamp) -> Option<Duration> {
        let target = self.targets.iter().find(|known| known.name == target)?;
        let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
        let own = self.outbox.letters().filter(|letter| letter.target == target.name);
        let times = own.flat_map(|letter| {
            let waits = letter.is_pending() && !self.under_way.contains(&letter.number);
            let due = waits.then(|| {
                until(letter.not_before)
                    .max(wanted::rests(target, letter, now, &self.zone).unwrap_or_default())
                    .max(self.paused(&target.name, now).unwrap_or_default())
            });
            due.into_iter().chain(letter.escalate_at.map(until))
        });
        times.min()
    }

    fn add(&mut self, letter: Letter) {
        for gone in self.outbox.add(letter) {
            self.under_way.remove(&gone.number);
            if gone.is_pending() {
                self.board.count(&gone.target, "dropped");
                tracing::error!(
                    target = gone.target,
                    key = gone.notice.key,
                    "the outbox is full: the oldest message made room"
                );
            }
        }
    }

    /// Shows how many wait, and since when.
    fn post(&self) {
        self.board
            .waiting(self.outbox.letters().filter(|letter| letter.is_pending()), self.outbox.unwritten());
    }
}

fn escalation(target: &Target, from: Timestamp) -> Option<Timestamp> {
    target.to.as_ref()?;
    from.checked_add(signed(target.escalate_after?)).ok()
}

fn signed(span: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
