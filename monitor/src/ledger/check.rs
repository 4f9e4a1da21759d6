//! Whether lines follow each other as the chain asks.

use blake3::Hash;
use interlock_core::record::Kind;

use super::{
    chain::{Head, Link},
    fault::Fault,
};

/// What is known of the lines so far.
pub struct Check {
    /// Line of the present file, from 1.
    pub line: u64,
    pub records: u64,
    /// The last record that was read.
    pub head: Option<Head>,
    /// What the next record must follow; `None` where that is not known.
    seq: Option<u64>,
    hash: Option<Hash>,
}

impl Check {
    /// Lines that follow `head`, or that begin anywhere where it is `None`.
    pub fn after(head: Option<Head>) -> Self {
        let (seq, hash) = (head.map(|head| head.seq), head.map(|head| head.hash));
        Self { line: 0, records: 0, head, seq, hash }
    }

    /// Looks at the next line, without its end; `None` where it is no record.
    pub fn next(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Fault)) -> Option<Link> {
        self.line += 1;
        match Link::read(bytes) {
            Ok((link, stated, actual)) => {
                if stated != actual {
                    tell(Fault::Edited { line: self.line, seq: link.seq });
                }
                self.compare(&link, tell);
                // The stated hash, so that one edit is one fault and does not spread over the rest.
                (self.seq, self.hash) = (Some(link.seq), Some(stated));
                self.head = Some(Head { seq: link.seq, hash: stated });
                self.records += 1;
                Some(link)
            }
            Err(reason) => {
                self.is_no_record(reason, tell);
                None
            }
        }
    }

    /// A line that is no record stands in the place of one.
    pub fn no_record(&mut self, reason: String, tell: &mut dyn FnMut(Fault)) {
        self.line += 1;
        self.is_no_record(reason, tell);
    }

    /// A last line that has no end.
    pub fn torn(&mut self, tell: &mut dyn FnMut(Fault)) {
        self.line += 1;
        tell(Fault::Torn { line: self.line });
    }

    fn is_no_record(&mut self, reason: String, tell: &mut dyn FnMut(Fault)) {
        tell(Fault::Malformed { line: self.line, reason });
        (self.seq, self.hash) = (self.seq.map(|seq| seq.saturating_add(1)), None);
    }

    fn compare(&self, link: &Link, tell: &mut dyn FnMut(Fault)) {
        let Some(before) = self.seq else { return };
        let (line, seq, expected) = (self.line, link.seq, before.saturating_add(1));
        if before == 0 && seq > 1 && link.record.kind == Kind::Rotate {
            tell(Fault::Continues { line, seq });
        } else if expected != seq {
            tell(Fault::OutOfOrder { line, expected, found: seq });
        } else if self.hash.is_some_and(|hash| link.prev != hash.to_hex().as_str()) {
            tell(Fault::NotLinked { line, seq });
        }
    }
}
