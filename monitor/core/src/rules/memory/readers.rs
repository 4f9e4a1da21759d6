//! Who read a secret: kept with what was read, for whoever asks why that mattered later.

use std::sync::Arc;

use crate::facts::{BootNanos, Fact};

/// Processes of a way that are kept at each of its ends: a tree that nests for long must not fill the memory.
const OUTER: usize = 4;
const INNER: usize = 12;

/// A process that read a secret, as it was then: it may have ended since, or run another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// When it read last.
    pub at: BootNanos,
    pub pid: u32,
    pub executable: String,
    pub command: String,
    /// `PID COMMAND` from the session's root to the reader.
    pub lineage: Arc<[String]>,
    start: BootNanos,
}

impl Reader {
    fn is(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }
}

/// The processes that read one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// `None` where nobody has said.
    pub last: Option<Arc<Reader>>,
    /// The first one, where it is another than the last.
    pub first: Option<Arc<Reader>>,
    /// Others read it in between, which are not remembered.
    pub more: bool,
}

impl Readers {
    /// Adds the process that acted in `fact`; `lineage` is its own at that time.
    pub fn add(&mut self, fact: &Fact, lineage: Vec<String>) {
        let process = &fact.process;
        let reader = Reader {
            at: fact.at,
            pid: process.pid,
            executable: process.executable.clone(),
            command: process.command_line(),
            lineage: shortened(lineage).into(),
            start: process.start,
        };
        if let Some(before) = self.last.take().filter(|before| !before.is(&reader)) {
            match &self.first {
                None => self.first = Some(before),
                Some(first) => self.more |= !first.is(&before),
            }
        }
        self.last = Some(Arc::new(reader));
    }
}

/// Both ends of a long way.
fn shortened(mut lineage: Vec<String>) -> Vec<String> {
    let left_out = lineage.len().saturating_sub(OUTER + INNER);
    if left_out > 0 {
        lineage.splice(OUTER..OUTER + left_out, [format!("… ({left_out} processes between are left out)")]);
    }
    lineage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{Process, Subject},
        rules::testing::{fact, second, secret},
    };

    fn add(readers: &mut Readers, at: u64, pid: u32, start: u64) {
        let mut read = fact(second(at), Subject::Open(secret("/a")));
        read.process = Process { pid, start: second(start), ..read.process };
        readers.add(&read, vec!["1 claude".to_owned(), format!("{pid} curl")]);
    }

    fn known(readers: &Readers) -> (Option<u32>, Option<u32>, bool) {
        let pid = |reader: &Option<Arc<Reader>>| reader.as_ref().map(|reader| reader.pid);
        (pid(&readers.first), pid(&readers.last), readers.more)
    }

    #[test]
    fn the_first_and_the_last_are_kept_and_that_there_were_others() {
        let mut readers = Readers::default();
        assert_eq!(known(&readers), (None, None, false));
        add(&mut readers, 1, 10, 1);
        add(&mut readers, 2, 10, 1);
        assert_eq!(known(&readers), (None, Some(10), false), "the same process again");
        assert_eq!(readers.last.as_ref().unwrap().at, second(2));
        add(&mut readers, 3, 11, 1);
        assert_eq!(known(&readers), (Some(10), Some(11), false));
        add(&mut readers, 4, 10, 1);
        assert_eq!(known(&readers), (Some(10), Some(10), true), "the other one was in between");
        let mut reused = Readers::default();
        add(&mut reused, 1, 10, 1);
        add(&mut reused, 3, 10, 2);
        assert_eq!(known(&reused), (Some(10), Some(10), false), "another process of the same number");
    }

    #[test]
    fn of_a_long_way_both_ends_are_kept() {
        let way: Vec<String> = (0..40).map(|pid| pid.to_string()).collect();
        let kept = shortened(way.clone());
        assert_eq!(kept.len(), OUTER + INNER + 1);
        assert_eq!((kept[3].as_str(), kept[5].as_str(), kept[16].as_str()), ("3", "28", "39"));
        assert_eq!(kept[4], "… (24 processes between are left out)");
        assert_eq!(shortened(way[..16].to_vec()), way[..16]);
    }
}
