//! What one session did before, as far as rules ask for it. Bounded: what is dropped is counted and remembered as such.

mod readers;
mod steps;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

pub use self::readers::{Reader, Readers};
pub(super) use self::steps::{Seen, Steps};
use super::{
    conditions::Touched,
    model::{MAX_RULES, Sequence, Threshold},
};
use crate::{
    breaker::risk::{HALF_LIFE, Risk},
    facts::{BootNanos, Destination, Fact, Grade, Habit, SecretAccess, SessionId, Subject},
    words::Word,
};

/// Most secrets that are remembered one by one.
const MAX_TOUCHES: usize = 256;

/// Most objects whose points are remembered as given.
const MAX_COUNTED: usize = 256;

/// A secret that the session read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When it was last read.
    pub at: BootNanos,
    pub class: String,
    pub grade: Grade,
    pub foreign: bool,
    /// A library looked into it unasked.
    pub habit: Option<Habit>,
    pub path: String,
    pub readers: Readers,
    /// The session that read it, where this one has only met that.
    pub met: Option<SessionId>,
}

impl Touch {
    /// A read that nobody is named for yet.
    #[must_use]
    pub fn of(at: BootNanos, secret: &SecretAccess) -> Self {
        let SecretAccess { class, grade, foreign, path, habit, .. } = secret.clone();
        Self { at, class, grade, foreign, habit, path, readers: Readers::default(), met: None }
    }

    /// Whether it is what a condition asks for at `now`, about a fact that goes `to` somewhere or nowhere.
    #[must_use]
    pub fn fits(&self, wanted: &Touched, now: BootNanos, to: Option<&Destination>) -> bool {
        wanted.reaches(self.at, now)
            && wanted.habit.is_none_or(|wanted| wanted == self.habit.is_some())
            && self.counts_as(to).is_some_and(|grade| wanted.names(grade, self.foreign))
            && (wanted.class.is_empty() || wanted.class.contains(&self.class))
    }

    /// As what it counts there. What was read by habit counts only where it may be used: at the provider that the
    /// credential is for, and where nobody is known.
    #[must_use]
    pub fn counts_as(&self, to: Option<&Destination>) -> Option<Grade> {
        let Some(Habit { providers, elsewhere }) = &self.habit else { return Some(self.grade) };
        let to = to?;
        if to.provider.as_ref().is_some_and(|provider| providers.contains(provider)) {
            return Some(self.grade);
        }
        to.anybodys.then_some(self.grade.max(*elsewhere))
    }

    /// Whether the same read is remembered here: one by habit says nothing of another that was meant.
    fn is_of(&self, secret: &SecretAccess) -> bool {
        self.is_at(&secret.path, secret.habit.as_ref())
    }

    fn is_at(&self, path: &str, habit: Option<&Habit>) -> bool {
        self.path == path && self.habit.is_some() == habit.is_some()
    }
}

impl Touched {
    fn names(&self, grade: Grade, foreign: bool) -> bool {
        (self.grade.is_empty() || self.grade.contains(&grade))
            && self.foreign.is_none_or(|wanted| wanted == foreign)
    }

    fn reaches(&self, at: BootNanos, now: BootNanos) -> bool {
        self.within.is_none_or(|within| now.since(at) <= within)
    }
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.foreign { "foreign" } else { "own" };
        let how = if self.habit.is_some() { " by habit" } else { "" };
        write!(f, "{} {place} {} {}{how}", self.grade.word(), self.class, self.path)?;
        match self.met {
            Some(session) => write!(f, " by session {session}, which it has met"),
            None => Ok(()),
        }
    }
}

/// Memory of one session.
#[derive(Debug, Default)]
pub struct Memory {
    /// Shared with the pasts that explanations keep.
    touches: Vec<Arc<Touch>>,
    /// Touches and windows.
    evicted: u64,
    /// When a touch of each grade and place was last dropped, so that a flood of reads cannot hide one.
    dropped: HashMap<(Grade, bool), BootNanos>,
    windows: HashMap<u64, VecDeque<Entry>>,
    steps: Steps,
    risk: Risk,
    counted: VecDeque<Entry>,
    hasher: RandomState,
    /// Scratch of the evaluation, kept so that a fact that matches nothing allocates nothing.
    pub(super) candidates: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: BootNanos,
    /// Hash of what must differ.
    what: u64,
}

impl Entry {
    /// Whether the entry still counts when `what` is added.
    fn counts_beside(&self, what: Option<u64>, threshold: &Threshold, now: BootNanos) -> bool {
        now.since(self.at) <= threshold.within && Some(self.what) != what
    }
}

/// What memory knows about a `touched` condition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recall<'a> {
    Found(&'a Touch),
    /// Nothing that is remembered fits, but something that may have fitted was dropped.
    Dropped,
    Nothing,
}

impl Memory {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy as it is now, by which what happens next can be judged again. It shares what was touched with the original.
    #[must_use]
    pub fn past(&self) -> Self {
        Self {
            touches: self.touches.clone(),
            evicted: self.evicted,
            dropped: self.dropped.clone(),
            windows: self.windows.clone(),
            steps: self.steps.clone(),
            risk: self.risk.clone(),
            counted: self.counted.clone(),
            hasher: self.hasher.clone(),
            candidates: Vec::new(),
        }
    }

    /// Secrets read, the last read one last.
    #[must_use]
    pub fn touches(&self) -> &[Arc<Touch>] {
        &self.touches
    }

    /// Whether this is a library's look into a store, and one has looked into somebody else's credentials before.
    #[must_use]
    pub fn has_habit(&self, secret: &SecretAccess) -> bool {
        let is_known = |touch: &Arc<Touch>| touch.habit.is_some() && touch.foreign && touch.grade <= Grade::B;
        secret.habit.is_some() && self.touches.iter().any(is_known)
    }

    /// Number of touches, windows and sequences that were dropped to keep memory bounded.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted + self.steps.evicted()
    }

    /// The session's risk points at `now`; see [`crate::breaker::risk::BUDGET`].
    #[must_use]
    pub fn risk(&self, now: BootNanos) -> u32 {
        self.risk.level(now)
    }

    /// Takes back points (see [`super::Verdict::points`]) that a person's approval has settled.
    pub fn forgive(&mut self, points: u32, now: BootNanos) {
        self.risk.forgive(points, now);
    }

    /// Remembers a secret that was read by someone else than its owner.
    pub(super) fn note(&mut self, fact: &Fact) {
        let Subject::Open(secret) = &fact.subject else { return };
        if secret.owner {
            return;
        }
        let known = self.touches.iter().position(|touch| touch.is_of(secret));
        let touch = match known {
            Some(place) => {
                // The worst that was ever seen of a path stays: a second look must not make it harmless.
                let old = Arc::unwrap_or_clone(self.touches.remove(place));
                let (grade, foreign) = (old.grade.min(secret.grade), old.foreign || secret.foreign);
                Touch { at: old.at.max(fact.at), grade, foreign, met: None, ..old }
            }
            None => Touch::of(fact.at, secret),
        };
        if self.touches.len() == MAX_TOUCHES {
            self.evict();
        }
        self.touches.push(Arc::new(touch));
    }

    /// Remembers what another session has read, as one that may have been told what is in it; returns whether that is news.
    pub fn take_over(&mut self, touch: &Touch, from: SessionId) -> bool {
        let mut taken = Touch { foreign: true, met: touch.met.or(Some(from)), ..touch.clone() };
        let known = |known: &Arc<Touch>| known.is_at(&touch.path, touch.habit.as_ref());
        if let Some(place) = self.touches.iter().position(known) {
            let old = &self.touches[place];
            if old.foreign && old.grade <= taken.grade && old.at >= taken.at {
                return false;
            }
            taken = merged(&self.touches.remove(place), taken);
        } else if self.dropped.get(&(taken.grade, true)).is_some_and(|at| taken.at <= *at) {
            return false; // it counts already, as one that was dropped
        }
        if self.touches.len() == MAX_TOUCHES {
            self.evict();
        }
        let place = self.touches.partition_point(|known| known.at <= taken.at);
        self.touches.insert(place, Arc::new(taken));
        true
    }

    /// Remembers who read the secret of a fact that was noted, and by what way it came to run.
    pub fn note_reader(&mut self, fact: &Fact, lineage: Vec<String>) {
        let Subject::Open(secret) = &fact.subject else { return };
        if let Some(touch) = self.touches.iter_mut().rev().find(|touch| touch.is_of(secret)) {
            Arc::make_mut(touch).readers.add(fact, lineage);
        }
    }

    /// Whether something that `sequence` asks for, and that happened in time before `now`, was about `path`.
    #[must_use]
    pub fn was_a_step(&self, sequence: &Sequence, path: &str, now: BootNanos) -> bool {
        self.steps.recall(sequence, now).is_some_and(|facts| facts.iter().any(|seen| &*seen.what == path))
    }

    /// Drops the least harmful touch, the oldest of its kind.
    fn evict(&mut self) {
        let harm = |touch: &Touch| (touch.habit.is_none(), std::cmp::Reverse(touch.grade), touch.foreign);
        let Some((place, _)) = self.touches.iter().enumerate().min_by_key(|(_, touch)| harm(touch)) else {
            return;
        };
        let gone = self.touches.remove(place);
        let dropped = self.dropped.entry((gone.grade, gone.foreign)).or_insert(gone.at);
        *dropped = gone.at.max(*dropped);
        self.evicted += 1;
    }

    /// The last touch that fits.
    pub(super) fn recall(&self, wanted: &Touched, now: BootNanos, to: Option<&Destination>) -> Recall<'_> {
        if let Some(touch) = self.touches.iter().rev().find(|touch| touch.fits(wanted, now, to)) {
            return Recall::Found(touch);
        }
        let dropped = self
            .dropped
            .iter()
            .any(|((grade, foreign), at)| wanted.names(*grade, *foreign) && wanted.reaches(*at, now));
        if dropped { Recall::Dropped } else { Recall::Nothing }
    }

    /// The last touch that would fit, had it not been read by habit.
    pub(super) fn recall_habit(&self, wanted: &Touched, now: BootNanos) -> Option<&Touch> {
        let as_meant = |touch: &Touch| Touch { habit: None, ..touch.clone() }.fits(wanted, now, None);
        let habits = self.touches.iter().rev().filter(|touch| touch.habit.is_some());
        habits.map(AsRef::as_ref).find(|touch| as_meant(touch))
    }

    /// Counts a fact in a rule's window. True where the threshold is reached; the window then starts anew.
    ///
    /// `object` is what must differ; `None` counts every fact.
    pub(super) fn count(
        &mut self,
        rule: u64,
        threshold: &Threshold,
        object: Option<impl Hash>,
        now: BootNanos,
    ) -> bool {
        if self.windows.len() >= MAX_RULES && !self.windows.contains_key(&rule) {
            self.drop_stalest_window();
        }
        let what = object.map(|object| self.hasher.hash_one(object));
        let window = self.windows.entry(rule).or_default();
        window.retain(|entry| entry.counts_beside(what, threshold, now));
        window.push_back(Entry { at: now, what: what.unwrap_or_default() });
        let reached = window.len() >= threshold.count;
        if reached {
            window.clear();
        }
        reached
    }

    /// What [`Memory::count`] would count, with the fact itself, and without counting it.
    pub(super) fn counted(
        &self,
        rule: u64,
        threshold: &Threshold,
        object: Option<impl Hash>,
        now: BootNanos,
    ) -> usize {
        let what = object.map(|object| self.hasher.hash_one(object));
        let window = self.windows.get(&rule).into_iter().flatten();
        window.filter(|entry| entry.counts_beside(what, threshold, now)).count() + 1
    }

    /// Whether any step of the sequence is remembered.
    pub(super) fn took_a_step(&self, sequence: &Sequence) -> bool {
        self.steps.has_begun(sequence)
    }

    /// What happened for the rules' sequences.
    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    pub(super) fn steps_mut(&mut self) -> &mut Steps {
        &mut self.steps
    }

    /// Number of entries in windows and given points.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.counted.len() + self.windows.values().map(VecDeque::len).sum::<usize>()
    }

    /// Reached only after reloads that changed thousands of ids: their windows are the stalest.
    fn drop_stalest_window(&mut self) {
        let newest = |window: &VecDeque<Entry>| window.back().map(|entry| entry.at);
        let stalest = self.windows.iter().min_by_key(|(_, window)| newest(window)).map(|(rule, _)| *rule);
        if stalest.and_then(|rule| self.windows.remove(&rule)).is_some() {
            self.evicted += 1;
        }
    }

    /// Adds a rule's points, once per rule and object in a half-life: asking again about the same thing is no new risk.
    pub(super) fn add_risk(
        &mut self,
        rule: u64,
        object: &(impl Hash + ?Sized),
        points: u32,
        now: BootNanos,
    ) -> u32 {
        let what = self.hasher.hash_one((rule, object));
        let given = |entry: &Entry| entry.what == what && now.since(entry.at) < HALF_LIFE;
        if points == 0 || self.counted.iter().any(given) {
            return 0;
        }
        if self.counted.len() == MAX_COUNTED {
            self.counted.pop_front();
        }
        self.counted.push_back(Entry { at: now, what });
        self.risk.add(points, now);
        points
    }
}

/// Of two touches of one secret the worst of both, and the readers of the later one.
fn merged(old: &Touch, new: Touch) -> Touch {
    let (grade, foreign) = (old.grade.min(new.grade), old.foreign || new.foreign);
    let later = if old.at > new.at { old.clone() } else { new };
    Touch { grade, foreign, ..later }
}
