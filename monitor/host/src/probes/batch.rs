//! Records set aside: copied out of a ring into one growing block, each aligned as it was there.

use monitor_common::event::Header;
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::decode::{Record, Undecodable};
use interlock_core::facts::BootNanos;

/// Records in the order they were added.
#[derive(Default)]
pub struct Batch {
    words: Vec<u64>,
    /// First word and length in bytes of each record.
    records: Vec<(usize, usize)>,
    /// How many were taken out.
    taken: usize,
    /// When the newest record so far was made.
    newest: BootNanos,
}

impl Batch {
    pub fn push(&mut self, bytes: &[u8]) {
        let place = (self.words.len(), bytes.len());
        self.records.push(place);
        self.words.resize(place.0 + bytes.len().div_ceil(size_of::<u64>()), 0);
        let room = self.words.get_mut(place.0..).unwrap_or_default().as_mut_bytes();
        if let Some(room) = room.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.newest = self.newest.max(self.at(place));
    }

    /// Records that were not taken out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len() - self.taken
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frees the room of what was taken out.
    pub fn compact(&mut self) {
        let first = self.records.get(self.taken).map_or(self.words.len(), |(start, _)| *start);
        self.words.drain(..first);
        self.records.drain(..std::mem::take(&mut self.taken));
        self.records.iter_mut().for_each(|(start, _)| *start -= first);
    }

    /// When the next record was made; what cannot be decoded comes at once.
    #[must_use]
    pub fn next_at(&self) -> Option<BootNanos> {
        self.records.get(self.taken).map(|place| self.at(*place))
    }

    /// When the newest record was made of all that were ever added.
    #[must_use]
    pub fn newest(&self) -> BootNanos {
        self.newest
    }

    /// Takes out the next record.
    pub fn take(&mut self) -> Option<Result<Record<'_>, Undecodable>> {
        let place = *self.records.get(self.taken)?;
        self.taken += 1;
        Some(Record::decode(self.bytes(place)))
    }

    /// Every record that was not taken out, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record<'_>, Undecodable>> {
        let left = self.records.get(self.taken..).unwrap_or_default();
        left.iter().map(|place| Record::decode(self.bytes(*place)))
    }

    fn bytes(&self, (start, length): (usize, usize)) -> &[u8] {
        let words = self.words.get(start..).unwrap_or_default();
        words.as_bytes().get(..length).unwrap_or_default()
    }

    fn at(&self, place: (usize, usize)) -> BootNanos {
        Header::ref_from_prefix(self.bytes(place)).map_or(BootNanos(0), |(header, _)| BootNanos(header.at_ns))
    }
}

#[cfg(test)]
mod tests {
    use monitor_common::event::{Header, kind, process::Exit};

    use super::*;

    fn exit(tgid: u32) -> Exit {
        Exit { header: Header { kind: kind::EXIT, tgid, session: 1, at_ns: u64::from(tgid) * 10 } }
    }

    fn pid(record: Result<Record<'_>, Undecodable>) -> Option<u32> {
        record.ok().map(|record| record.header().tgid)
    }

    #[test]
    fn records_come_back_in_order_whatever_their_lengths() {
        let mut batch = Batch::default();
        batch.push(exit(1).as_bytes());
        batch.push(&[1, 2, 3]);
        batch.push(exit(2).as_bytes());
        assert_eq!(batch.iter().map(pid).collect::<Vec<_>>(), [Some(1), None, Some(2)]);
        assert_eq!((batch.next_at(), batch.newest()), (Some(BootNanos(10)), BootNanos(20)));
    }

    #[test]
    fn what_was_not_taken_out_stays() {
        let mut batch = Batch::default();
        (1..=3).for_each(|tgid| batch.push(exit(tgid).as_bytes()));
        assert_eq!(batch.take().and_then(pid), Some(1));
        batch.compact();
        batch.push(exit(4).as_bytes());
        assert_eq!((batch.len(), batch.next_at()), (3, Some(BootNanos(20))));
        assert_eq!(std::iter::from_fn(|| batch.take().map(pid)).flatten().collect::<Vec<_>>(), [2, 3, 4]);
        batch.compact();
        assert!(batch.is_empty() && batch.words.is_empty() && batch.take().is_none());
        assert_eq!((batch.next_at(), batch.newest()), (None, BootNanos(40)));
    }
}
