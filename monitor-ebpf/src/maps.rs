//! The maps: the whole state that kernel and daemon share. Each has one writer, so that neither overwrites what the
//! other has just learned. Sizes are upper bounds; every failed insert is counted.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use monitor_common::{
    bits,
    label::{Label, Session, Taint},
    loss::LOSSES,
    policy::{
        AddressKey, Answer, AnswerKey, Carried, Flow, FlowName, FlowVerdict, Followed, InodeKey, Made, Met,
        NUMBERS_MAX, Pair, Policy, Remote, SecretTag, Sent, Written,
    },
};

/// tgid → label, labelled processes only.
#[map]
pub static PROCESSES: HashMap<u32, Label> = HashMap::with_max_entries(65_536, 0);

/// Session id → what the daemon says of it.
#[map]
pub static SESSIONS: HashMap<u64, Session> = HashMap::with_max_entries(4_096, 0);

/// Session id → what the kernel saw of it.
#[map]
pub static TAINTS: HashMap<u64, Taint> = HashMap::with_max_entries(4_096, 0);

/// Socket cookie → connection of a labelled process. Written by the kernel.
#[map]
pub static FLOWS: HashMap<u64, Flow> = HashMap::with_max_entries(65_536, 0);

/// Socket cookie → what was decided about it. Written by the daemon.
#[map]
pub static VERDICTS: HashMap<u64, FlowVerdict> = HashMap::with_max_entries(65_536, 0);

/// Socket cookie → what the connection said of itself. Written by the daemon. Not allocated beforehand: most machines have few.
#[map]
pub static FLOW_NAMES: HashMap<u64, FlowName> = HashMap::with_max_entries(65_536, BPF_F_NO_PREALLOC);

/// Socket cookie → what has left of a flow since it was let go on. The daemon makes and removes entries; the kernel counts. Not
/// allocated beforehand: few flows are held.
#[map]
pub static SENT: HashMap<u64, Sent> = HashMap::with_max_entries(2_048, BPF_F_NO_PREALLOC);

/// Which entries of `SECRET_INODES` and `SECRET_NAMES` may be there, see `monitor_common::bits`.
#[map]
pub static SECRET_BITS: Array<u64> = Array::with_max_entries(bits::WORDS, 0);

#[map]
pub static SECRET_INODES: HashMap<InodeKey, SecretTag> = HashMap::with_max_entries(65_536, 0);

/// Hash of a name, see `monitor_common::hash`.
#[map]
pub static SECRET_NAMES: HashMap<u64, SecretTag> = HashMap::with_max_entries(16_384, 0);

/// Secrets that got another name. Written by the kernel.
#[map]
pub static FOLLOWED: LruHashMap<InodeKey, Followed> = LruHashMap::with_max_entries(16_384, 0);

/// Which entries of `FOLLOWED` may be there. Written by the kernel.
#[map]
pub static FOLLOWED_BITS: Array<u64> = Array::with_max_entries(bits::WORDS, 0);

/// Directories that a session moved from outside of its workspace: what lies below stays foreign. The
/// value is the inode's generation. Written by the kernel.
#[map]
pub static FOREIGN_DIRECTORIES: LruHashMap<InodeKey, u32> = LruHashMap::with_max_entries(4_096, 0);

/// Files that sessions created. Written by the kernel. LRU: what was made longest ago makes room, and counts as found again.
#[map]
pub static MADE: LruHashMap<InodeKey, Made> = LruHashMap::with_max_entries(65_536, 0);

/// Session id → the foreign secret that it touched. Written by the daemon. LRU: sessions that are over stay for as long as there is room.
#[map]
pub static CARRIED: LruHashMap<u64, Carried> = LruHashMap::with_max_entries(4_096, 0);

/// Files that sessions opened for writing. Written by the kernel. LRU: what was written longest ago makes room, and is a file like
/// others again.
#[map]
pub static WRITTEN: LruHashMap<InodeKey, Written> = LruHashMap::with_max_entries(16_384, 0);

/// Which entries of `WRITTEN` may be there. Written by the kernel.
#[map]
pub static WRITTEN_BITS: Array<u64> = Array::with_max_entries(bits::WORDS, 0);

/// Cookie of a listening socket → the session that listens, or accepts, there. Written by the kernel. LRU: what was asked for longest ago
/// makes room.
#[map]
pub static LISTENERS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4_096, 0);

/// Thread → the session that listens where its connect goes, until the connect's exit tells whether that is on this machine. LRU: a
/// connect that fails in between leaves its entry behind.
#[map]
pub static CANDIDATES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(1_024, 0);

/// Named pipe, with its generation in the upper half of its number → the session that opened it first. Written by the kernel. LRU: what
/// was noted longest ago makes room.
#[map]
pub static PIPES: LruHashMap<InodeKey, u64> = LruHashMap::with_max_entries(4_096, 0);

/// Thread → where the control data of the message goes that it waits for. LRU: see `hooks::received::message`.
#[map]
pub static MESSAGES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4_096, 0);

/// Two sessions that have met → what the one has got of the other's touches. Written by the kernel. LRU: who is forgotten meets anew.
#[map]
pub static SHARED: LruHashMap<Pair, u64> = LruHashMap::with_max_entries(4_096, 0);

/// Session id → whom it has met. The daemon makes and removes entries; the kernel fills them.
#[map]
pub static MET: HashMap<u64, Met> = HashMap::with_max_entries(4_096, BPF_F_NO_PREALLOC);

/// Hash of a socket's file name (`monitor_common::hash`, EXACT) that may be a service's.
#[map]
pub static SERVICE_NAMES: HashMap<u64, u32> = HashMap::with_max_entries(1_024, 0);

/// See `monitor_common::policy::open_index`.
#[map]
pub static OPEN_VERDICTS: Array<u32> = Array::with_max_entries(NUMBERS_MAX * 2, 0);

/// Answers to held syscalls, written by the daemon; the kernel counts their uses down. LRU: an answer that is never used
/// makes room.
#[map]
pub static ANSWERS: LruHashMap<AnswerKey, Answer> = LruHashMap::with_max_entries(8_192, 0);

/// Thread → where LSM's hook let its connect go, until `connect4` or `connect6` sees the same connect. LRU: a connect that
/// fails in between leaves its entry behind.
#[map]
pub static HANDSHAKES: LruHashMap<u64, Remote> = LruHashMap::with_max_entries(4_096, 0);

/// Inodes of Interlock's own: state, socket, rules, pins, program.
#[map]
pub static OWN_INODES: HashMap<InodeKey, u32> = HashMap::with_max_entries(1_024, 0);

/// tgid of the daemon, index 0.
#[map]
pub static DAEMON: Array<u32> = Array::with_max_entries(1, 0);

/// Addresses and ports that decide a destination's class by themselves.
#[map]
pub static ADDRESSES: HashMap<AddressKey, u32> = HashMap::with_max_entries(4_096, 0);

#[map]
pub static POLICY: Array<Policy> = Array::with_max_entries(1, 0);

/// Fork, exec, exit: never competes with access events.
#[map]
pub static LIFECYCLE: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Opens, connects, asking flows, DNS answers.
#[map]
pub static ACCESS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Counters of what was lost, see `monitor_common::loss`.
#[map]
pub static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(LOSSES as u32, 0);
