//! What the daemon tells the kernel to look for, and what to answer without asking.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::pod;

/// Grades of a secret as the kernel knows them. `GRADE_NONE` marks a name that looks like a secret and is not
/// (`.env.example`).
pub const GRADE_NONE: u16 = 0;
pub const GRADE_A: u16 = 1;
pub const GRADE_B: u16 = 2;
pub const GRADE_C: u16 = 3;

/// [`SecretTag::entry`] of a name that only looks like a secret's; its grade is [`GRADE_NONE`].
pub const ENTRY_HARMLESS: u32 = u32::MAX - 1;

/// Value of the maps `SECRET_INODES` and `SECRET_NAMES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct SecretTag {
    /// What [`numbered`] makes of the entry's place in the daemon's secret catalogue.
    pub entry: u32,
    /// One of the `GRADE_*` constants.
    pub grade: u16,
    /// 1: a store at a place of its own, which a tool fills with what a person logged in with. Such a file is never taken for the
    /// session's own making, whoever wrote it.
    pub placed: u16,
}
const _: () = assert!(size_of::<SecretTag>() == 8);

impl SecretTag {
    /// No secret.
    pub const NONE: Self = Self::of(u32::MAX, GRADE_NONE);

    /// Of a name that means the same wherever it stands.
    #[must_use]
    pub const fn of(entry: u32, grade: u16) -> Self {
        Self { entry, grade, placed: 0 }
    }
}

/// Which file of the machine: key of the maps `SECRET_INODES`, `FOLLOWED`, `MADE`, `OWN_INODES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct InodeKey {
    pub ino: u64,
    /// Kernel device number: `(major << 20) | minor`, as in `super_block.s_dev`.
    pub dev: u32,
    /// Which of the file system's inode spaces `ino` is a number of: on btrfs the subvolume's own device number
    /// (`btrfs_root.anon_dev`, what `stat` calls `st_dev`), elsewhere 0.
    pub space: u32,
}
const _: () = assert!(size_of::<InodeKey>() == 16);

impl InodeKey {
    /// For [`crate::bits`]: numbers follow one another, so they are spread by Fibonacci hashing; the upper half is the better one.
    #[inline(always)]
    pub const fn hash(&self) -> u64 {
        let place = (self.dev as u64).rotate_left(40) ^ (self.space as u64).rotate_left(20);
        (self.ino ^ place).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
    }
}

/// Value of the map `FOLLOWED`: a file that was known as a secret by its name when it got another one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Followed {
    pub tag: SecretTag,
    /// 1: it was outside the workspace of the session that renamed it.
    pub foreign: u32,
    /// The inode's (`inode.i_generation`): a number that another file has by now is another generation.
    pub generation: u32,
}
const _: () = assert!(size_of::<Followed>() == 16);

/// In a value of the map `SERVICE_NAMES`: the name is that of a file that a service runs later, or, under a key of
/// [`crate::hash::PARENT`], of a directory of such files. Else it is a socket's.
pub const RUN_LATER: u32 = 1 << 31;

/// Value of the map `MADE`: a file that a session created.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Made {
    pub session: u64,
    /// The inode's (`inode.i_generation`): a number that another file has by now is another generation.
    pub generation: u32,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Made>() == 16);

/// Value of the map `WRITTEN`: a file that a session opened for writing.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Written {
    pub session: u64,
    /// As in [`Made`].
    pub generation: u32,
    /// Boot clock, seconds.
    pub at: u32,
}
const _: () = assert!(size_of::<Written>() == 16);

/// Key of the map `SHARED`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Pair {
    pub to: u64,
    pub from: u64,
}
const _: () = assert!(size_of::<Pair>() == 16);

/// Sessions that one session has met, as far as the kernel knows them; the next one replaces the oldest.
pub const MET_MAX: usize = 8;

/// Value of the map `MET` (key: session id).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Met {
    pub sessions: [u64; MET_MAX],
    /// How many were ever written.
    pub written: u64,
}
const _: () = assert!(size_of::<Met>() == 72);

/// Value of the map `CARRIED` (key: session id, also of one that is over): what a session may have written copies of.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Carried {
    /// The foreign secret that it touched last.
    pub tag: SecretTag,
    /// When it touched the first: boot clock, seconds.
    pub since: u32,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Carried>() == 16);

/// The bit of [`crate::label::Taint::taints`] for a read of a secret of `grade`, foreign or of the workspace.
pub const fn taint_bit(grade: u16, foreign: bool) -> u64 {
    if grade == GRADE_NONE || grade > GRADE_C { 0 } else { 1 << ((grade - 1) * 2 + foreign as u16) }
}

/// Answers of the kernel's verdict table.
pub const VERDICT_ALLOW: u32 = 0;
pub const VERDICT_DENY: u32 = 1;
/// Only the daemon can tell: the caller is held until it has answered.
pub const VERDICT_ASK: u32 = 2;

/// As [`VERDICT_ASK`] in a session whose flows ask, as [`VERDICT_ALLOW`] in all others.
pub const VERDICT_ASK_IF_GATED: u32 = 3;

/// Destination classes that an address or a port alone decides; the index into [`Policy::connect`].
pub const ADDRESS_ANY: u32 = 0;
pub const ADDRESS_METADATA: u32 = 1;
pub const ADDRESS_DATABASE: u32 = 2;
pub const ADDRESS_CLASSES: usize = 4;

/// The one value of the map `POLICY`: the rules' conditions that need no userspace.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Policy {
    /// Taints that make a session's flows ask, as a set of [`taint_bit`]s.
    pub gate_mask: u64,
    /// 1 in observe mode: nothing is stopped, refused or held, everything is reported.
    pub observe: u32,
    /// `VERDICT_*` for every exec of a labelled process.
    pub execute: u32,
    /// `VERDICT_*` for a connect to each `ADDRESS_*` class, whatever the session touched.
    pub connect: [u32; ADDRESS_CLASSES],
    /// `VERDICT_*` for connecting to a Unix socket that is named like a service's.
    pub delegate: u32,
    /// `VERDICT_*` for a stream's connect, before its handshake.
    pub handshake: u32,
    /// Where `handshake` is decided: 0 by the LSM hook, 1 by `connect4` and `connect6`.
    pub late_handshake: u32,
    /// Counts the sets of rules and catalogues that have been in force; even and odd ones number their secrets apart, see
    /// [`numbered`].
    pub generation: u32,
    /// `VERDICT_*` for a datagram that stays on this machine or goes to a group (loopback, multicast, broadcast): no
    /// infrastructure is reached by one, and what expects it does not send it twice.
    pub local_datagrams: u32,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Policy>() == 56);

/// Secrets that one catalogue may have.
pub const ENTRIES_MAX: u32 = 1024;
/// Numbers of secrets in the tables: those of the catalogue in force, and those of the one before or after it.
pub const NUMBERS_MAX: u32 = ENTRIES_MAX * 2;

/// The number that a catalogue's secret has in the tables of a generation. A tag of the set before keeps its own verdicts
/// until it is replaced, so that no open is judged by half of one set and half of another.
pub const fn numbered(entry: u32, generation: u32) -> u32 {
    entry % ENTRIES_MAX + (generation % 2) * ENTRIES_MAX
}

/// Index into `OPEN_VERDICTS`: what opening a secret of this number is answered with.
pub const fn open_index(number: u32, foreign: bool) -> u32 {
    (if number < NUMBERS_MAX { number } else { 0 }) * 2 + foreign as u32
}

/// What a syscall hold is about.
pub const SUBJECT_OPEN: u32 = 1;
pub const SUBJECT_EXECUTE: u32 = 2;
/// [`AnswerKey::ino`] is the hash of the socket's file name.
pub const SUBJECT_DELEGATE: u32 = 3;
/// [`AnswerKey::ino`] and [`AnswerKey::more`] are the address (IPv4 v4-mapped), [`AnswerKey::dev`] is the port.
pub const SUBJECT_CONNECT: u32 = 4;

/// Key of the map `ANSWERS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct AnswerKey {
    pub session: u64,
    pub ino: u64,
    /// 0 where `ino` says it all.
    pub more: u64,
    pub dev: u32,
    /// One of the `SUBJECT_*` constants.
    pub subject: u32,
}
const _: () = assert!(size_of::<AnswerKey>() == 32);

impl AnswerKey {
    /// Of a file that is opened.
    #[inline(always)]
    pub const fn of_open(session: u64, file: InodeKey) -> Self {
        let InodeKey { ino, dev, space } = file;
        Self { session, ino, more: space as u64, dev, subject: SUBJECT_OPEN }
    }

    /// Of a service's socket, by the hash of its file name.
    #[inline(always)]
    pub const fn of_service(session: u64, name: u64) -> Self {
        Self { session, ino: name, more: 0, dev: 0, subject: SUBJECT_DELEGATE }
    }

    /// Of a file that a process executes. Who it is counts: with other arguments the same program does something else.
    #[inline(always)]
    pub const fn of_exec(session: u64, file: InodeKey, tgid: u32) -> Self {
        let InodeKey { ino, dev, space } = file;
        let more = (space as u64) << 32 | tgid as u64;
        Self { session, ino, more, dev, subject: SUBJECT_EXECUTE }
    }

    /// Of a connect to `address` (IPv4 v4-mapped) and `port`.
    #[inline(always)]
    pub const fn of_connect(session: u64, address: [u8; 16], port: u16) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address;
        let ino = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        let more = u64::from_ne_bytes([i, j, k, l, m, n, o, p]);
        Self { session, ino, more, dev: port as u32, subject: SUBJECT_CONNECT }
    }
}

/// Value of the map `ANSWERS`: what the daemon answered a held syscall. The kernel counts uses down.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Answer {
    /// Boot clock, ns; the answer is void from then on.
    pub until_ns: u64,
    /// How often it may still be used.
    pub uses: u64,
    /// `VERDICT_ALLOW` or `VERDICT_DENY`.
    pub verdict: u32,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Answer>() == 24);

/// Key of the map `ADDRESSES`: destinations whose class the address or the port alone decides. An address key has
/// `port` 0, a port key an all-zero address. IPv4 is stored v4-mapped.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct AddressKey {
    pub address: [u8; 16],
    /// Host byte order.
    pub port: u32,
}
const _: () = assert!(size_of::<AddressKey>() == 20);

/// Values of [`FlowVerdict::verdict`]; a flow without one is undecided.
pub const FLOW_ALLOWED: u32 = 1;
pub const FLOW_DENIED: u32 = 2;

/// Value of the map `FLOWS` (key: socket cookie): a connection that a labelled process opened. The kernel writes it; the
/// daemon only adds connections that were open before their process was labelled.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Flow {
    pub session: u64,
    /// Remote address, IPv4 stored v4-mapped.
    pub address: [u8; 16],
    pub tgid: u32,
    /// Remote port, host byte order.
    pub port: u16,
    /// `IPPROTO_*`; [`RAW`] of a socket that writes the headers of its packets itself.
    pub protocol: u16,
    /// 0 while the socket is open, then one of `CLOSED_*`.
    pub closed: u32,
    /// Bytes of data the daemon was last shown of a stream: when more is there, it is asked again. Of a datagram socket: when
    /// it was asked, boot clock in ms. Of one that is closed or denied: when TCP tried to send last, boot clock in s; 0: not since.
    pub asked_size: u32,
    /// Session generation the daemon was last asked under; 0: never.
    pub asked: u64,
    /// How many of a stream's first segments were shown to the daemon as they passed; [`GREETED`]: no more are.
    pub greeting: u32,
    /// 1: the connection is older than its process's label, so nobody saw its begin.
    pub older: u16,
    /// 1: something has left since it was let go on, and is counted in the map `SENT`.
    pub counted: u16,
}
const _: () = assert!(size_of::<Flow>() == 56);

/// [`Flow::protocol`] of every raw socket (`IPPROTO_RAW`, include/uapi/linux/in.h), whatever its packets are said to be: nothing of
/// them is a handshake, so all is data.
pub const RAW: u16 = 255;

/// Values of [`Flow::closed`] once every descriptor of the socket is closed: what is still queued stays held, or it was let go on,
/// leaves, and is counted.
pub const CLOSED_HELD: u32 = 1;
pub const CLOSED_SENDING: u32 = 2;

/// [`Flow::greeting`] of a stream that has said who it is for, as far as it will.
pub const GREETED: u32 = u32::MAX;
/// Segments of a stream that are shown as they pass, where none of them holds a whole TLS greeting: a proxy is asked first,
/// databases ask whether TLS may begin.
pub const GREETING_SEGMENTS: u32 = 4;

impl Flow {
    /// A connection that its process opens now.
    #[inline(always)]
    #[must_use]
    pub const fn new(session: u64, tgid: u32, address: [u8; 16], port: u16, protocol: u16) -> Self {
        Self {
            session,
            address,
            tgid,
            port,
            protocol,
            closed: 0,
            asked_size: 0,
            asked: 0,
            greeting: 0,
            older: 0,
            counted: 0,
        }
    }
}

/// The longest name that DNS has (RFC 1035, 2.3.4), and one byte more.
pub const FLOW_NAME_MAX: usize = 256;

/// Value of the map `FLOW_NAMES` (key: socket cookie): what a connection said of itself. The daemon writes it, so that the next
/// daemon knows it too; the kernel removes it with its flow.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FlowName {
    /// The destination that the connection had then (IPv4 v4-mapped): one that leads elsewhere has another name.
    pub address: [u8; 16],
    pub port: u16,
    /// The port that a proxy was asked for; 0: it was none.
    pub target_port: u16,
    /// One of `NAMED_*`.
    pub source: u16,
    /// Bytes of `name` in use.
    pub length: u16,
    pub name: [u8; FLOW_NAME_MAX],
}
const _: () = assert!(size_of::<FlowName>() == 24 + FLOW_NAME_MAX);

/// Values of [`FlowName::source`]: the ClientHello, or a request.
pub const NAMED_BY_SERVER_NAME: u16 = 1;
pub const NAMED_BY_HTTP: u16 = 2;

/// Value of the map `SENT` (key: socket cookie): what became of a flow that was held and let go on. The daemon makes and removes entries;
/// the kernel counts in them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Sent {
    pub session: u64,
    /// Where it was let go on to (IPv4 v4-mapped).
    pub address: [u8; 16],
    /// Bytes of data that have left since, of a stream each once.
    pub bytes: u64,
    /// Boot clock when the first of them left; 0: none has.
    pub first_ns: u64,
    /// Boot clock when it was known that no more will; 0: not yet.
    pub ended_ns: u64,
    /// What was seen of its end, `SIGN_*`.
    pub signs: u64,
    /// The process that opened it.
    pub tgid: u32,
    /// Of a stream: the sequence number behind what has left.
    pub next: u32,
    pub port: u16,
    pub protocol: u16,
    pub reserved: u32,
}
const _: () = assert!(size_of::<Sent>() == 72);

impl Sent {
    /// Nothing has left yet.
    #[inline(always)]
    #[must_use]
    pub const fn nothing(flow: &Flow) -> Self {
        let Flow { session, address, tgid, port, protocol, .. } = *flow;
        let (bytes, first_ns, ended_ns, signs) = (0, 0, 0, 0);
        Self {
            session,
            address,
            bytes,
            first_ns,
            ended_ns,
            signs,
            tgid,
            next: 0,
            port,
            protocol,
            reserved: 0,
        }
    }
}

/// Values of [`Sent::signs`]: this side's end of the stream has left (FIN), or its reset (RST).
pub const SIGN_END: u64 = 1;
pub const SIGN_RESET: u64 = 1 << 1;
/// The other side's end, or a reset that TCP takes, has arrived; its end came first.
pub const SIGN_PEER_END: u64 = 1 << 2;
pub const SIGN_PEER_RESET: u64 = 1 << 3;
pub const SIGN_PEER_FIRST: u64 = 1 << 4;
/// The connection was over when the last descriptor was closed.
pub const SIGN_GONE: u64 = 1 << 6;
/// What was queued when it was closed is held: its session had touched more meanwhile.
pub const SIGN_HELD: u64 = 1 << 7;
/// A packet left whose headers could not be read: there were more bytes than are counted.
pub const SIGN_UNREAD: u64 = 1 << 8;

/// Value of the map `HANDSHAKES` (key: thread).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Remote {
    /// IPv4 stored v4-mapped.
    pub address: [u8; 16],
    /// Host byte order.
    pub port: u32,
}
const _: () = assert!(size_of::<Remote>() == 20);

/// Value of the map `VERDICTS` (key: socket cookie): what the daemon decided about a flow. Only the daemon writes it; the
/// kernel removes it with its flow. It is about one destination: a socket that goes elsewhere is undecided again.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FlowVerdict {
    pub address: [u8; 16],
    pub port: u16,
    /// 1: it was held and let go on, and what it sends is counted in the map `SENT`.
    pub counted: u16,
    /// `FLOW_ALLOWED` is valid while `generation` is the session's, `FLOW_DENIED` always.
    pub verdict: u32,
    /// Session generation it was given under.
    pub generation: u64,
}
const _: () = assert!(size_of::<FlowVerdict>() == 32);

impl FlowVerdict {
    /// Whether this verdict is about where `flow` goes.
    #[inline(always)]
    pub fn is_about(&self, flow: &Flow) -> bool {
        self.address == flow.address && self.port == flow.port
    }
}

pod!(
    Followed,
    Made,
    Written,
    Carried,
    Pair,
    Met,
    Answer,
    AnswerKey,
    SecretTag,
    InodeKey,
    Policy,
    AddressKey,
    Flow,
    FlowName,
    FlowVerdict,
    Sent
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grade_and_place_has_a_bit_of_its_own() {
        let mut seen = 0;
        for grade in [GRADE_A, GRADE_B, GRADE_C] {
            for foreign in [false, true] {
                let bit = taint_bit(grade, foreign);
                assert_eq!(bit.count_ones(), 1);
                assert_eq!(seen & bit, 0);
                seen |= bit;
            }
        }
        assert_eq!(taint_bit(GRADE_NONE, true), 0);
    }
}
