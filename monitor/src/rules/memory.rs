//! What one session did before, as far as rules ask for it. Bounded: what is dropped is counted and remembered as such.

mod readers;
mod steps;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
};

pub use self::readers::{Reader, Readers};
pub(super) use self::steps::{Seen, Steps};
use super::{
    model::{Sequence, Threshold, Touched},
    parse::MAX_RULES,
    words::Word,
};
use crate::{
    breaker::risk::{HALF_LIFE, Risk},
    facts::{BootNanos, Destination, Fact, Grade, Habit, SecretAccess, Subject},
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
}

impl Touch {
    /// A read that nobody is named for yet.
    #[must_use]
    pub fn of(at: BootNanos, secret: &SecretAccess) -> Self {
        let SecretAccess { class, grade, foreign, path, habit, .. } = secret.clone();
        Self { at, class, grade, foreign, habit, path, readers: Readers::default() }
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
        self.path == secret.path && self.habit.is_some() == secret.habit.is_some()
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
        write!(f, "{} {place} {} {}{how}", self.grade.word(), self.class, self.path)
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
                Touch { at: old.at.max(fact.at), grade, foreign, ..old }
            }
            None => Touch::of(fact.at, secret),
        };
        if self.touches.len() == MAX_TOUCHES {
            self.evict();
        }
        self.touches.push(Arc::new(touch));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        facts::{DestinationClass, Process},
        rules::testing::{destination, fact, second, secret, set},
    };

    fn read(memory: &mut Memory, at: BootNanos, path: &str, grade: Grade, foreign: bool) {
        memory.note(&fact(at, Subject::Open(SecretAccess { grade, foreign, ..secret(path) })));
    }

    fn touched(grade: Grade, within: u64) -> Touched {
        let within = Some(Duration::from_secs(within));
        Touched { class: Vec::new(), grade: vec![grade], foreign: Some(true), habit: None, within }
    }

    #[test]
    fn owner_reads_are_no_touch() {
        let mut memory = Memory::new();
        memory.note(&fact(second(1), Subject::Open(SecretAccess { owner: true, ..secret("/a") })));
        memory.note(&fact(second(1), Subject::Probe(secret("/b"))));
        assert_eq!(memory.touches(), []);
    }

    #[test]
    fn a_second_read_renews_the_touch_and_never_makes_it_harmless() {
        let mut memory = Memory::new();
        read(&mut memory, second(1), "/a", Grade::A, true);
        read(&mut memory, second(9), "/a", Grade::C, false);
        assert_eq!(memory.touches().len(), 1);
        assert!(
            matches!(memory.recall(&touched(Grade::A, 5), second(10), None), Recall::Found(t) if t.at == second(9))
        );
    }

    #[test]
    fn a_reader_is_remembered_with_what_it_read_and_a_past_keeps_its_own() {
        let mut memory = Memory::new();
        let by = |pid| {
            let read = fact(second(u64::from(pid)), Subject::Open(secret("/a")));
            Fact { process: Process { pid, ..read.process.clone() }, ..read }
        };
        let last = |memory: &Memory| memory.touches()[0].readers.last.clone().map(|reader| reader.pid);
        memory.note_reader(&by(1), Vec::new());
        assert_eq!(memory.touches(), [], "what was never noted has no reader");
        memory.note(&by(1));
        assert_eq!(last(&memory), None);
        memory.note_reader(&by(1), vec!["1 curl".into()]);
        let past = memory.past();
        memory.note(&by(2));
        memory.note_reader(&by(2), vec!["1 curl".into(), "2 curl".into()]);
        assert_eq!((last(&past), last(&memory)), (Some(1), Some(2)));
        let first = memory.touches()[0].readers.first.clone().unwrap();
        assert_eq!((first.pid, first.at, &*first.command), (1, second(1), "curl"));
    }

    #[test]
    fn what_was_a_step_of_a_sequence_is_known_by_its_path_as_long_as_it_is_in_time() {
        let rules = set(&[
            "{ id: a, summary: s, on: connect, match: { destination: infra }, action: alert, \
                           after: { steps: [{ id: read, on: open, match: { secret: { grade: A } } }], within: 10s } }",
        ]);
        let mut memory = Memory::new();
        rules.evaluate(&fact(second(1), Subject::Open(secret("/a"))), &mut memory);
        let steps = rules.get("a").and_then(|rule| rule.after.clone()).unwrap();
        let was = |path, at| memory.was_a_step(&steps, path, second(at));
        assert_eq!([was("/a", 2), was("/b", 2), was("/a", 12)], [true, false, false]);
    }

    #[test]
    fn a_flood_of_harmless_reads_drops_those_first() {
        let mut memory = Memory::new();
        read(&mut memory, second(1), "/token", Grade::A, true);
        for i in 0..1000 {
            read(&mut memory, second(2), &format!("/history/{i}"), Grade::C, true);
        }
        assert_eq!(memory.touches().len(), MAX_TOUCHES);
        assert_eq!(memory.evicted(), 1001 - MAX_TOUCHES as u64);
        assert!(matches!(memory.recall(&touched(Grade::A, 60), second(3), None), Recall::Found(_)));
    }

    #[test]
    fn what_was_dropped_still_counts_until_its_time_is_over() {
        let mut memory = Memory::new();
        for i in 0..=MAX_TOUCHES {
            let paas = SecretAccess {
                class: if i == 0 { "paas" } else { "cloud" }.into(),
                ..secret(&format!("/{i}"))
            };
            memory.note(&fact(second(1), Subject::Open(paas)));
        }
        let wanted = Touched { class: vec!["paas".into()], ..touched(Grade::A, 60) };
        assert_eq!(memory.recall(&wanted, second(30), None), Recall::Dropped);
        assert_eq!(memory.recall(&wanted, second(62), None), Recall::Nothing);
    }

    #[test]
    fn a_read_by_habit_counts_where_it_may_be_used_and_hides_none_that_was_meant() {
        let habit = Some(Habit { providers: vec!["aws".into()], elsewhere: Grade::B });
        let mut memory = Memory::new();
        memory.note(&fact(second(1), Subject::Open(SecretAccess { habit, ..secret("/a") })));
        let to = |provider: &str, class| Destination {
            provider: Some(provider.into()),
            ..destination(class, Some("x.test"))
        };
        let [aws, forge] = ["aws", "github-api"].map(|provider| to(provider, DestinationClass::Infra));
        let nobody = destination(DestinationClass::Unknown, None);
        let found = |memory: &Memory, grade, to| {
            matches!(memory.recall(&touched(grade, 60), second(2), to), Recall::Found(_))
        };
        assert!(found(&memory, Grade::A, Some(&aws)));
        assert!(!found(&memory, Grade::A, Some(&forge)) && !found(&memory, Grade::B, Some(&forge)));
        assert!(!found(&memory, Grade::A, Some(&nobody)) && found(&memory, Grade::B, Some(&nobody)));
        assert!(!found(&memory, Grade::A, None), "what goes nowhere uses nothing");
        assert_eq!(
            memory.recall_habit(&touched(Grade::A, 60), second(2)).map(|touch| &*touch.path),
            Some("/a")
        );
        memory.note(&fact(second(1), Subject::Open(secret("/a"))));
        assert!(found(&memory, Grade::A, Some(&forge)), "somebody meant it");
        let asks = |habit| Touched { habit: Some(habit), ..touched(Grade::A, 60) };
        let found = |habit| matches!(memory.recall(&asks(habit), second(2), Some(&aws)), Recall::Found(_));
        assert!(found(true) && found(false));
        assert_eq!(memory.touches().len(), 2);
    }

    #[test]
    fn a_window_slides_counts_distinct_objects_and_starts_anew() {
        let threshold = Threshold { count: 3, distinct: None, within: Duration::from_secs(10) };
        let mut memory = Memory::new();
        assert!(!memory.count(1, &threshold, Some("a"), second(0)));
        assert!(!memory.count(1, &threshold, Some("b"), second(1)));
        assert!(!memory.count(1, &threshold, Some("b"), second(2)), "the same again");
        assert!(!memory.count(1, &threshold, Some("c"), second(11)), "the first has slid out");
        assert!(memory.count(1, &threshold, Some("d"), second(12)));
        assert!(!memory.count(1, &threshold, Some("e"), second(12)), "anew");
        assert!(!memory.count(2, &threshold, Some("f"), second(12)), "each rule for itself");
    }

    #[test]
    fn points_are_given_once_for_one_thing() {
        let mut memory = Memory::new();
        assert_eq!(memory.add_risk(1, "host", 60, second(0)), 60);
        assert_eq!(memory.add_risk(1, "host", 60, second(1)), 0);
        assert_eq!(memory.add_risk(1, "other", 20, second(1)), 20);
        assert_eq!(memory.risk(second(1)), 80);
        memory.forgive(60, second(1));
        assert_eq!(memory.risk(second(1)), 20);
        assert_eq!(memory.add_risk(1, "host", 60, second(3601)), 60, "a half-life later it is new");
    }
}
