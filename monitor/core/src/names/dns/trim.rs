//! Prepares a message for the parser.
//!
//! The parser reads all of a message or none of it, reserves memory for as many records as the header claims (13 MB for
//! 65,535), and knows forty record types of which five matter here. So the message is walked first: what cannot matter
//! is taken away, and the counts are made true.

use super::fault::Fault;

const HEADER: usize = 12;
/// Largest message, bytes: what the length prefix of DNS over TCP can say.
const MAX_MESSAGE: usize = u16::MAX as usize;
/// Type, class, time to live, length of the data; bytes.
const RECORD_FIXED: usize = 10;
/// The bit that RFC 1035 reserves and the parser refuses; some resolvers set it.
const RESERVED: u8 = 0x40;

const NULL: u16 = 10;
const INTERNET: u16 = 1;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;

/// A copy with the questions and the whole answers only, other types made opaque.
pub(super) fn answer_section(message: &[u8]) -> Result<Vec<u8>, Fault> {
    if message.len() > MAX_MESSAGE {
        return Err(Fault::Long(message.len()));
    }
    let short = || Fault::Short(message.len());
    let mut copy = message.to_vec();
    let questions = u16_at(message, 4).ok_or_else(short)?;
    let claimed = u16_at(message, 6).ok_or_else(short)?;

    let mut at = HEADER;
    for _ in 0..questions {
        at = after_name(message, at)
            .map(|end| end + 4)
            .filter(|end| *end <= message.len())
            .ok_or_else(short)?;
    }
    let mut answers = 0_u16;
    while answers < claimed
        && let Some(record) = Record::at(message, at)
    {
        if !record.matters() {
            write(&mut copy, record.fixed, NULL);
            write(&mut copy, record.fixed + 2, INTERNET);
        }
        at = record.end;
        answers += 1;
    }
    copy.truncate(at);
    write(&mut copy, 6, answers);
    write(&mut copy, 8, 0);
    write(&mut copy, 10, 0);
    if let Some(flags) = copy.get_mut(3) {
        *flags &= !RESERVED;
    }
    Ok(copy)
}

/// Where one record lies.
struct Record {
    kind: u16,
    class: u16,
    /// Start of the type.
    fixed: usize,
    end: usize,
}

impl Record {
    /// `None` where it is not whole.
    fn at(message: &[u8], start: usize) -> Option<Self> {
        let fixed = after_name(message, start)?;
        let length = u16_at(message, fixed + 8)?;
        let end = fixed + RECORD_FIXED + usize::from(length);
        let (kind, class) = (u16_at(message, fixed)?, u16_at(message, fixed + 2)?);
        (end <= message.len()).then_some(Self { kind, class, fixed, end })
    }

    fn matters(&self) -> bool {
        self.class == INTERNET && matches!(self.kind, A | CNAME | AAAA | SVCB | HTTPS)
    }
}

/// Where a name that starts at `at` ends; what a pointer points at is the parser's business.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            label => at += 1 + usize::from(label),
        }
    }
}

fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    message.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn write(message: &mut [u8], at: usize, value: u16) {
    if let Some(slot) = message.get_mut(at..at + 2) {
        slot.copy_from_slice(&value.to_be_bytes());
    }
}
