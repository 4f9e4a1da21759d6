//! Bytes of a ring → records. Records are borrowed from the ring: an exec is ten kilobytes.

use monitor_common::event::{
    Header,
    delegate::Delegate,
    file::{Open, Probe, ProcOpen, Relink, Write},
    kind,
    meeting::Meeting,
    network::{Connect, Dns, FlowAsk, FlowClosed, Socket},
    process::{Exec, ExecCandidate, Execute, Exit, Fork},
    tamper::Tamper,
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// One record of a ring.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    Fork(&'a Fork),
    Exec(&'a Exec),
    Candidate(&'a ExecCandidate),
    Exit(&'a Exit),
    Open(&'a Open),
    Probe(&'a Probe),
    ProcOpen(&'a ProcOpen),
    Execute(&'a Execute),
    Tamper(&'a Tamper),
    Delegate(&'a Delegate),
    Relink(&'a Relink),
    Write(&'a Write),
    Connect(&'a Connect),
    FlowAsk(&'a FlowAsk),
    /// The same of data that passed.
    Greeting(&'a FlowAsk),
    FlowClosed(&'a FlowClosed),
    Dns(&'a Dns),
    Socket(&'a Socket),
    Meeting(&'a Meeting),
}

/// A record that this daemon does not understand: counted, never guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable {
    pub kind: u32,
    pub bytes: usize,
}

impl<'a> Record<'a> {
    /// # Errors
    /// The kind is unknown or the length is not its layout's.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Undecodable> {
        let failed = |kind| Undecodable { kind, bytes: bytes.len() };
        let (header, _) = Header::ref_from_prefix(bytes).map_err(|_| failed(0))?;
        let record = match header.kind {
            kind::FORK => whole(bytes).map(Self::Fork),
            kind::EXEC if header.session == 0 => whole(bytes).map(Self::Candidate),
            kind::EXEC => whole(bytes).map(Self::Exec),
            kind::EXIT => whole(bytes).map(Self::Exit),
            kind::OPEN => whole(bytes).map(Self::Open),
            kind::PROBE => whole(bytes).map(Self::Probe),
            kind::PROC_OPEN => whole(bytes).map(Self::ProcOpen),
            kind::EXECUTE => whole(bytes).map(Self::Execute),
            kind::TAMPER => whole(bytes).map(Self::Tamper),
            kind::DELEGATE => whole(bytes).map(Self::Delegate),
            kind::RELINK => whole(bytes).map(Self::Relink),
            kind::WRITE => whole(bytes).map(Self::Write),
            kind::CONNECT => whole(bytes).map(Self::Connect),
            kind::FLOW_ASK => whole(bytes).map(Self::FlowAsk),
            kind::GREETING => whole(bytes).map(Self::Greeting),
            kind::FLOW_CLOSED => whole(bytes).map(Self::FlowClosed),
            kind::DNS => whole(bytes).map(Self::Dns),
            kind::SOCKET => whole(bytes).map(Self::Socket),
            kind::MEETING => whole(bytes).map(Self::Meeting),
            _ => None,
        };
        record.ok_or_else(|| failed(header.kind))
    }
}

impl Record<'_> {
    #[must_use]
    pub fn header(&self) -> &Header {
        match self {
            Self::Fork(record) => &record.header,
            Self::Exec(record) => &record.header,
            Self::Candidate(record) => &record.exec.header,
            Self::Exit(record) => &record.header,
            Self::Open(record) => &record.header,
            Self::Probe(record) => &record.header,
            Self::ProcOpen(record) => &record.header,
            Self::Execute(record) => &record.header,
            Self::Tamper(record) => &record.header,
            Self::Delegate(record) => &record.header,
            Self::Relink(record) => &record.header,
            Self::Write(record) => &record.header,
            Self::Connect(record) => &record.header,
            Self::FlowAsk(record) | Self::Greeting(record) => &record.header,
            Self::FlowClosed(record) => &record.header,
            Self::Dns(record) => &record.header,
            Self::Socket(record) => &record.header,
            Self::Meeting(record) => &record.header,
        }
    }
}

fn whole<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8]) -> Option<&T> {
    T::ref_from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    #[test]
    fn a_record_is_decoded_by_its_kind_and_exact_length() {
        let exit = Exit { header: Header { kind: kind::EXIT, tgid: 7, session: 9, at_ns: 1 } };
        assert!(matches!(Record::decode(exit.as_bytes()), Ok(Record::Exit(found)) if found.header.tgid == 7));
        let mut words = [0_u64; 4];
        words.as_mut_bytes()[..24].copy_from_slice(exit.as_bytes());
        let cut = Record::decode(words.as_bytes());
        assert_eq!(cut.unwrap_err(), Undecodable { kind: kind::EXIT, bytes: 32 });
        assert_eq!(Record::decode(&[]).unwrap_err(), Undecodable { kind: 0, bytes: 0 });
    }
}
