//! Records that the ledger did not take: they are counted, and told by a record of their own as soon as one can be written.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, json};

use interlock_core::{
    facts::BootNanos,
    record::{Entry, Kind, Who},
};

/// A ledger that cannot be written is tried so often.
const RETRY: Duration = Duration::from_secs(1);

/// What was not written since the last record that was.
#[derive(Default)]
pub struct Unwritten {
    kinds: BTreeMap<&'static str, u64>,
    span: Option<(Timestamp, Timestamp)>,
    why: String,
    /// When the ledger was tried last.
    tried: BootNanos,
    /// In the ledger, and maybe not on the disk yet.
    noted: Vec<(Kind, Timestamp)>,
    news: Vec<News>,
}

/// What whoever watches is told, once each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The ledger takes nothing any more.
    Failing(String),
    /// It does again, and lacks so many records.
    Back(u64),
}

impl Unwritten {
    /// Whether the last record that was tried is missing.
    pub fn is_failing(&self) -> bool {
        !self.kinds.is_empty()
    }

    pub fn note(&mut self, kind: Kind, at: Timestamp, why: &str) {
        if !self.is_failing() {
            self.news.push(News::Failing(why.to_owned()));
        }
        *self.kinds.entry(kind.word()).or_default() += 1;
        self.span = Some((self.span.map_or(at, |(first, _)| first), at));
        why.clone_into(&mut self.why);
    }

    /// Why the last one is missing.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// A record was written, and waits for the disk.
    pub fn wait_for(&mut self, kind: Kind, at: Timestamp) {
        self.noted.push((kind, at));
    }

    /// Whether a record waits for the disk.
    pub fn waits(&self) -> bool {
        !self.noted.is_empty()
    }

    /// What waited for the disk is there.
    pub fn settled(&mut self) {
        self.noted.clear();
    }

    /// What waited for the disk may not be there, and so counts as missing; returns how many records that are.
    pub fn unsettled(&mut self, why: &str) -> u64 {
        let noted = std::mem::take(&mut self.noted);
        noted.iter().for_each(|(kind, at)| self.note(*kind, *at, why));
        noted.len() as u64
    }

    /// Whether the ledger is to be tried again.
    pub fn is_due(&mut self, now: BootNanos) -> bool {
        let is_due = now >= self.tried.plus(RETRY);
        if is_due {
            self.tried = now;
        }
        is_due
    }

    /// The record of what is missing; `None` where nothing is.
    pub fn entry(&self) -> Option<Entry> {
        let (first, last) = self.span?;
        let kinds: Map<_, _> =
            self.kinds.iter().map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
        let detail = [
            ("records", self.count().into()),
            ("kinds", kinds.into()),
            ("first", first.to_string().into()),
            ("last", last.to_string().into()),
            ("why", self.why.clone().into()),
        ];
        Some(Entry::new(Kind::Lost, Who::Daemon, None, detail))
    }

    /// What was missing is told.
    pub fn told(&mut self) {
        let count = self.count();
        let (news, tried) = (std::mem::take(&mut self.news), self.tried);
        *self = Self { news, tried, ..Self::default() };
        self.news.push(News::Back(count));
    }

    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    fn count(&self) -> u64 {
        self.kinds.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_a_disk_that_failed_is_missing() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut unwritten = Unwritten::default();
        unwritten.wait_for(Kind::Hold, at(1));
        unwritten.settled();
        assert_eq!((unwritten.unsettled("no disk"), unwritten.is_failing()), (0, false));
        unwritten.wait_for(Kind::Hold, at(2));
        unwritten.wait_for(Kind::Commit, at(3));
        assert_eq!(unwritten.unsettled("no disk"), 2);
        let entry = unwritten.entry().unwrap();
        assert_eq!(entry.detail["kinds"], json!({"commit": 1, "hold": 1}));
        assert_eq!((unwritten.why(), &entry.detail["first"]), ("no disk", &json!("1970-01-01T00:00:02Z")));
        assert_eq!(unwritten.take_news(), [News::Failing("no disk".into())]);
    }

    #[test]
    fn a_ledger_that_fails_is_tried_once_a_second() {
        let mut unwritten = Unwritten::default();
        let at = |millis: u64| BootNanos(millis * 1_000_000);
        let tries = [2000, 2500, 3000, 3001, 4000].map(|millis| unwritten.is_due(at(millis)));
        assert_eq!(tries, [true, false, true, false, true]);
    }

    #[test]
    fn what_is_missing_is_told_once_it_can_be() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut unwritten = Unwritten::default();
        assert_eq!((unwritten.is_failing(), unwritten.entry()), (false, None));
        unwritten.note(Kind::Hold, at(1), "no space");
        unwritten.note(Kind::Hold, at(2), "no space");
        unwritten.note(Kind::Deny, at(3), "no space");
        let entry = unwritten.entry().unwrap();
        assert_eq!(entry.detail["records"], 3);
        assert_eq!(entry.detail["kinds"], json!({"deny": 1, "hold": 2}));
        assert_eq!(entry.detail["last"], "1970-01-01T00:00:03Z");
        unwritten.told();
        assert_eq!((unwritten.is_failing(), unwritten.entry()), (false, None));
        assert_eq!(unwritten.take_news(), [News::Failing("no space".into()), News::Back(3)]);
        assert_eq!(unwritten.take_news(), []);
    }
}
