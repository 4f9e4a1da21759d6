//! Records that the ledger did not take: they are counted, and told by a record of their own as soon as one can be written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, json};

use interlock_core::record::{Entry, Kind, Who};

/// What was not written since the last record that was.
#[derive(Default)]
pub struct Unwritten {
    kinds: BTreeMap<&'static str, u64>,
    span: Option<(Timestamp, Timestamp)>,
    why: String,
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
        let news = std::mem::take(&mut self.news);
        *self = Self { news, ..Self::default() };
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
