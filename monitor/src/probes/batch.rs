//! Records set aside: copied out of a ring into one growing block, each aligned as it was there.

use super::decode::{Record, Undecodable};

/// Records in the order they were added.
#[derive(Default)]
pub struct Batch {
    words: Vec<u64>,
    /// First word and length in bytes of each record.
    records: Vec<(usize, usize)>,
}

impl Batch {
    pub fn push(&mut self, bytes: &[u8]) {
        self.records.push((self.words.len(), bytes.len()));
        let chunks = bytes.chunks(size_of::<u64>());
        self.words.extend(chunks.map(|chunk| {
            let mut word = [0; size_of::<u64>()];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            u64::from_ne_bytes(word)
        }));
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn clear(&mut self) {
        self.words.clear();
        self.records.clear();
    }

    /// Every record, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record<'_>, Undecodable>> {
        self.records.iter().map(|(start, length)| {
            let words = self.words.get(*start..).unwrap_or_default();
            let bytes = zerocopy::IntoBytes::as_bytes(words);
            Record::decode(bytes.get(..*length).unwrap_or_default())
        })
    }
}

/// The records of both rings in the order of their times. The lives must have been read after the accesses: whatever
/// happened in a process's life before an access then comes before it, and its end after what it did.
pub fn merged<'a>(
    lives: &'a Batch,
    accesses: &'a Batch,
) -> impl Iterator<Item = Result<Record<'a>, Undecodable>> {
    let (mut lives, mut accesses) = (lives.iter().peekable(), accesses.iter().peekable());
    std::iter::from_fn(move || match (lives.peek(), accesses.peek()) {
        (Some(Ok(life)), Some(Ok(access))) if life.header().at_ns > access.header().at_ns => accesses.next(),
        (Some(_), _) => lives.next(),
        (None, _) => accesses.next(),
    })
}

#[cfg(test)]
mod tests {
    use monitor_common::event::{Header, kind, process::Exit};
    use zerocopy::IntoBytes as _;

    use super::*;
    use crate::probes::decode::{strings, text};

    proptest::proptest! {
        /// Whatever lengths and kinds the rings hold: each record is decoded or refused, and none is swallowed.
        #[test]
        fn nothing_in_the_rings_panics(
            records in proptest::collection::vec((0..40_u32, 0..4_usize, 0..20_000_usize, 0..=1_u64, 0..=255_u8), 0..12)
        ) {
            let whole = [size_of::<Exit>(), size_of::<monitor_common::event::process::Exec>()];
            let (mut lives, mut accesses) = (Batch::default(), Batch::default());
            for (kind, length, any, session, filling) in &records {
                let length = whole.get(*length).copied().unwrap_or(*any);
                let mut bytes = Header { kind: *kind, tgid: 1, session: *session, at_ns: 2 }.as_bytes().to_vec();
                bytes.resize(length, *filling);
                if filling % 2 == 0 { lives.push(&bytes) } else { accesses.push(&bytes) }
            }
            let mut seen = 0;
            for record in merged(&lives, &accesses) {
                seen += 1;
                match record {
                    Ok(Record::Exec(exec)) => {
                        proptest::prop_assert!(text(&exec.filename).len() <= 3 * exec.filename.len());
                        drop(strings(&exec.args, exec.args_len));
                    }
                    Ok(record) => proptest::prop_assert_ne!(record.header().kind, 0),
                    Err(refused) => proptest::prop_assert!(refused.bytes <= 20_000),
                }
            }
            proptest::prop_assert_eq!(seen, records.len());
        }
    }

    #[test]
    fn records_come_back_in_order_whatever_their_lengths() {
        let exit = |tgid| Exit { header: Header { kind: kind::EXIT, tgid, session: 1, at_ns: 0 } };
        let mut batch = Batch::default();
        batch.push(exit(1).as_bytes());
        batch.push(&[1, 2, 3]);
        batch.push(exit(2).as_bytes());
        let pids: Vec<Option<u32>> = batch
            .iter()
            .map(|record| match record {
                Ok(Record::Exit(exit)) => Some(exit.header.tgid),
                _ => None,
            })
            .collect();
        assert_eq!(pids, [Some(1), None, Some(2)]);
        let (mut lives, mut accesses) = (Batch::default(), Batch::default());
        let at = |tgid, at_ns| Exit { header: Header { kind: kind::EXIT, tgid, session: 1, at_ns } };
        [at(1, 10), at(2, 30)].iter().for_each(|record| lives.push(record.as_bytes()));
        [at(3, 10), at(4, 20), at(5, 40)].iter().for_each(|record| accesses.push(record.as_bytes()));
        let order: Vec<u32> =
            merged(&lives, &accesses).flatten().map(|record| record.header().tgid).collect();
        assert_eq!(order, [1, 3, 4, 2, 5], "a life at the same instant comes first");
        batch.clear();
        assert!(batch.is_empty() && batch.iter().next().is_none());
    }
}
