//! Decisions on their way to the kernel: every write to a map happens here.

mod carry;
mod meetings;

use std::{borrow::BorrowMut, collections::BTreeMap};

use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, MapData, MapError, PerCpuArray},
};
use monitor_common::{
    bits,
    label::{Label, Session, Taint},
    loss::LOSS_NAMES,
    policy::{
        AddressKey, Answer, AnswerKey, Carried, Flow, FlowName, FlowVerdict, Followed, InodeKey, MET_MAX,
        Met, Policy, SecretTag, Sent, Written, numbered, open_index,
    },
};

use super::error::ProbeError;
use interlock_core::{facts::SessionId, holds::FlowKey};

/// What a session begins with.
const NOBODY_MET: Met = Met { sessions: [0; MET_MAX], written: 0 };

type Table<K, V> = HashMap<MapData, K, V>;

/// Handles of the maps that the daemon writes.
pub struct Maps {
    processes: Table<u32, Label>,
    sessions: Table<u64, Session>,
    taints: Table<u64, Taint>,
    flows: Table<u64, Flow>,
    verdicts: Table<u64, FlowVerdict>,
    flow_names: Table<u64, FlowName>,
    sent: Table<u64, Sent>,
    listeners: Table<u64, u64>,
    pipes: Table<InodeKey, u64>,
    bits: Array<MapData, u64>,
    inodes: Table<InodeKey, SecretTag>,
    names: Table<u64, SecretTag>,
    services: Table<u64, u32>,
    open_verdicts: Array<MapData, u32>,
    answers: Table<AnswerKey, Answer>,
    followed: Table<InodeKey, Followed>,
    written: Table<InodeKey, Written>,
    carried: Table<u64, Carried>,
    met: Table<u64, Met>,
    foreign_directories: Table<InodeKey, u32>,
    own_inodes: Table<InodeKey, u32>,
    daemon: Array<MapData, u32>,
    addresses: Table<AddressKey, u32>,
    policy: Array<MapData, Policy>,
    lost: PerCpuArray<MapData, u64>,
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, ProbeError> {
        Ok(Self {
            processes: table(ebpf, "PROCESSES")?,
            sessions: table(ebpf, "SESSIONS")?,
            taints: table(ebpf, "TAINTS")?,
            flows: table(ebpf, "FLOWS")?,
            verdicts: table(ebpf, "VERDICTS")?,
            flow_names: table(ebpf, "FLOW_NAMES")?,
            sent: table(ebpf, "SENT")?,
            listeners: table(ebpf, "LISTENERS")?,
            pipes: table(ebpf, "PIPES")?,
            bits: take(ebpf, "SECRET_BITS")?,
            inodes: table(ebpf, "SECRET_INODES")?,
            names: table(ebpf, "SECRET_NAMES")?,
            services: table(ebpf, "SERVICE_NAMES")?,
            open_verdicts: take(ebpf, "OPEN_VERDICTS")?,
            answers: table(ebpf, "ANSWERS")?,
            followed: table(ebpf, "FOLLOWED")?,
            written: table(ebpf, "WRITTEN")?,
            carried: table(ebpf, "CARRIED")?,
            met: table(ebpf, "MET")?,
            foreign_directories: table(ebpf, "FOREIGN_DIRECTORIES")?,
            own_inodes: table(ebpf, "OWN_INODES")?,
            daemon: take(ebpf, "DAEMON")?,
            addresses: table(ebpf, "ADDRESSES")?,
            policy: take(ebpf, "POLICY")?,
            lost: take(ebpf, "LOST")?,
        })
    }

    /// Whether a session has moved the directory, from outside of its workspace.
    #[must_use]
    pub fn was_moved(&self, directory: InodeKey) -> bool {
        // Fails closed: what cannot be looked up counts as moved.
        !matches!(self.foreign_directories.get(&directory, 0), Err(MapError::KeyNotFound))
    }

    /// The label of a process, if it has one.
    #[must_use]
    pub fn label(&self, tgid: u32) -> Option<Label> {
        self.processes.get(&tgid, 0).ok()
    }

    /// Labels a process; its children inherit from here on.
    ///
    /// # Errors
    /// The map is full.
    pub fn set_label(&mut self, tgid: u32, label: Label) -> Result<(), MapError> {
        self.processes.insert(tgid, label, 0)
    }

    pub fn remove_label(&mut self, tgid: u32) {
        ignore_missing("PROCESSES", self.processes.remove(&tgid));
    }

    /// Every labelled process.
    #[must_use]
    pub fn labels(&self) -> Vec<(u32, Label)> {
        self.processes.iter().flatten().collect()
    }

    /// Processes that carry a label, for half the price.
    #[must_use]
    pub fn labelled(&self) -> Vec<u32> {
        self.processes.keys().flatten().collect()
    }

    /// What the kernel saw of a session; `None` where it has none of that id.
    #[must_use]
    pub fn taint(&self, id: SessionId) -> Option<Taint> {
        self.taints.get(&id.0, 0).ok()
    }

    /// Makes a session known to the kernel, as one that has touched nothing.
    ///
    /// # Errors
    /// A map is full.
    pub fn add_session(&mut self, id: SessionId, session: Session) -> Result<(), MapError> {
        self.taints.insert(id.0, Taint::CLEAN, 0)?;
        self.met.insert(id.0, NOBODY_MET, 0)?;
        self.set_session(id, session)
    }

    /// # Errors
    /// The map is full.
    pub fn set_session(&mut self, id: SessionId, session: Session) -> Result<(), MapError> {
        self.sessions.insert(id.0, session, 0)
    }

    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<Session> {
        self.sessions.get(&id.0, 0).ok()
    }

    pub fn remove_session(&mut self, id: SessionId) {
        ignore_missing("SESSIONS", self.sessions.remove(&id.0));
        ignore_missing("TAINTS", self.taints.remove(&id.0));
        ignore_missing("MET", self.met.remove(&id.0));
    }

    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        self.sessions.keys().flatten().map(SessionId).collect()
    }

    /// Says which directory tree is the session's own.
    ///
    /// # Errors
    /// The session is not in the map.
    pub fn settle_workspace(&mut self, id: SessionId, root: InodeKey) -> Result<(), MapError> {
        let session = self.sessions.get(&id.0, 0)?;
        let InodeKey { ino, dev, space } = root;
        let own = Session { workspace_ino: ino, workspace_dev: dev, workspace_space: space, ..session };
        self.set_session(id, own)
    }

    /// Says that every touch of a session up to this number has been judged, and what it really was is in its flags.
    ///
    /// # Errors
    /// The session is not in the map.
    pub fn settle(&mut self, id: SessionId, touches: u64) -> Result<(), MapError> {
        let session = self.sessions.get(&id.0, 0)?;
        self.set_session(id, Session { settled: session.settled.max(touches), ..session })
    }

    /// Sets or clears flags of a session.
    ///
    /// # Errors
    /// The session is not in the map.
    pub fn set_flags(&mut self, id: SessionId, flags: u32, on: bool) -> Result<(), MapError> {
        let mut session = self.sessions.get(&id.0, 0)?;
        session.flags = if on { session.flags | flags } else { session.flags & !flags };
        self.set_session(id, session)
    }

    #[must_use]
    pub fn flow(&self, cookie: u64) -> Option<Flow> {
        self.flows.get(&cookie, 0).ok()
    }

    /// Notes a connection that was open before its process was labelled.
    ///
    /// # Errors
    /// The map is full.
    pub fn note_flow(&mut self, cookie: u64, flow: Flow) -> Result<(), MapError> {
        self.flows.insert(cookie, flow, 0)
    }

    #[must_use]
    pub fn verdict(&self, cookie: u64) -> Option<FlowVerdict> {
        self.verdicts.get(&cookie, 0).ok()
    }

    /// Decides about a flow's data to one destination. Does nothing where there is no such flow, or where it goes elsewhere
    /// by now: what waited is gone then, and what is decided about its new destination stands. A socket that goes
    /// elsewhere in this very moment is not let through either: the kernel compares the destination too.
    ///
    /// # Errors
    /// The map is full.
    pub fn decide_flow(&mut self, cookie: u64, decided: FlowVerdict) -> Result<(), MapError> {
        if !self.flow(cookie).is_some_and(|flow| decided.is_about(&flow)) {
            return Ok(());
        }
        self.verdicts.insert(cookie, decided, 0)
    }

    pub fn remove_flow(&mut self, cookie: u64) {
        ignore_missing("FLOWS", self.flows.remove(&cookie));
        ignore_missing("VERDICTS", self.verdicts.remove(&cookie));
        ignore_missing("FLOW_NAMES", self.flow_names.remove(&cookie));
    }

    /// Has the kernel count what leaves of a flow from now on, where its verdict says so.
    ///
    /// # Errors
    /// The map is full.
    pub fn count_flow(&mut self, cookie: u64, nothing: Sent) -> Result<(), MapError> {
        self.sent.insert(cookie, nothing, 0)
    }

    /// Its socket may be counted on its way to another place by now: that goes on.
    pub fn count_no_more(&mut self, key: &FlowKey) {
        let FlowKey { cookie, address, port } = *key;
        if self.sent(cookie).is_some_and(|sent| (sent.address, sent.port) == (address, port)) {
            ignore_missing("SENT", self.sent.remove(&cookie));
        }
    }

    /// What has left of a flow that is counted.
    #[must_use]
    pub fn sent(&self, cookie: u64) -> Option<Sent> {
        self.sent.get(&cookie, 0).ok()
    }

    /// Every flow that is counted.
    #[must_use]
    pub fn counted(&self) -> Vec<(u64, Sent)> {
        self.sent.iter().flatten().collect()
    }

    /// What a connection has said of itself.
    #[must_use]
    pub fn flow_name(&self, cookie: u64) -> Option<FlowName> {
        self.flow_names.get(&cookie, 0).ok()
    }

    /// Keeps what a connection says of itself, for as long as the kernel knows the connection.
    ///
    /// # Errors
    /// The map is full.
    pub fn name_flow(&mut self, cookie: u64, name: FlowName) -> Result<(), MapError> {
        self.flow_names.insert(cookie, name, 0)?;
        if self.flow(cookie).is_none() {
            // It ended meanwhile, before its name was there to be removed.
            ignore_missing("FLOW_NAMES", self.flow_names.remove(&cookie));
        }
        Ok(())
    }

    #[must_use]
    pub fn flows(&self) -> Vec<(u64, Flow)> {
        self.flows.iter().flatten().collect()
    }

    /// # Errors
    /// The map is full.
    pub fn tag_inode(&mut self, key: InodeKey, tag: SecretTag) -> Result<(), MapError> {
        self.admit(key.hash())?;
        self.inodes.insert(key, tag, 0)
    }

    /// Removes the tags that an earlier daemon left and `known` does not hold: their numbers may be other files' by now.
    pub fn keep_tags(&mut self, known: impl Fn(&InodeKey) -> bool) {
        let tagged: Vec<InodeKey> = self.inodes.keys().flatten().filter(|key| !known(key)).collect();
        tagged.into_iter().for_each(|key| self.untag_inode(key));
    }

    /// Makes the table of names be exactly `names`: new ones first, then what is no longer in it goes.
    ///
    /// # Errors
    /// The map is full.
    pub fn replace_names(&mut self, names: &[(u64, SecretTag)]) -> Result<(), MapError> {
        names.iter().try_for_each(|(hash, _)| self.admit(*hash))?;
        replace(&mut self.names, names)
    }

    /// Sets a key's bit, before the key is inserted.
    fn admit(&mut self, hash: u64) -> Result<(), MapError> {
        let (word, bit) = bits::place(hash);
        let bits = self.bits.get(&word, 0)?;
        if bits & bit == 0 { self.bits.set(word, bits | bit, 0) } else { Ok(()) }
    }

    /// What kind of secret the file is, where it is tagged as one.
    #[must_use]
    pub fn tag_of(&self, file: InodeKey) -> Option<SecretTag> {
        self.inodes.get(&file, 0).ok()
    }

    /// What the session writes, and wrote a moment ago, may be a copy of the secret. `since` is on the boot clock, seconds.
    ///
    /// # Errors
    /// The map refuses the entry.
    pub fn carry(&mut self, id: SessionId, tag: SecretTag, since: u32) -> Result<(), MapError> {
        let since = self.carried.get(&id.0, 0).map_or(since, |known| known.since);
        self.carried.insert(id.0, Carried { tag, since, reserved: 0 }, 0)
    }

    /// What a session wrote into the file is no copy of a secret.
    pub fn forget_written(&mut self, file: InodeKey) {
        ignore_missing("WRITTEN", self.written.remove(&file));
    }

    /// Returns every tagged file the tag that `renumbered` makes of its own; `None` removes it.
    ///
    /// # Errors
    /// A map refused an entry.
    pub fn renumber(&mut self, renumbered: impl Fn(SecretTag) -> Option<SecretTag>) -> Result<(), MapError> {
        for (key, tag) in self.inodes.iter().flatten().collect::<Vec<_>>() {
            match renumbered(tag) {
                Some(tag) => self.inodes.insert(key, tag, 0)?,
                None => self.untag_inode(key),
            }
        }
        for (key, followed) in self.followed.iter().flatten().collect::<Vec<_>>() {
            match renumbered(followed.tag) {
                Some(tag) => self.followed.insert(key, Followed { tag, ..followed }, 0)?,
                None => ignore_missing("FOLLOWED", self.followed.remove(&key)),
            }
        }
        for (session, carried) in self.carried.iter().flatten().collect::<Vec<_>>() {
            match renumbered(carried.tag) {
                Some(tag) => self.carried.insert(session, Carried { tag, ..carried }, 0)?,
                None => ignore_missing("CARRIED", self.carried.remove(&session)),
            }
        }
        Ok(())
    }

    /// Makes the table of services' socket names be exactly `names`, hashes of file names.
    ///
    /// # Errors
    /// The map is full.
    pub fn replace_services(&mut self, names: &[(u64, u32)]) -> Result<(), MapError> {
        replace(&mut self.services, names)
    }

    /// Makes the table of addresses be exactly `addresses`.
    ///
    /// # Errors
    /// The map is full.
    pub fn replace_addresses(&mut self, addresses: &[(AddressKey, u32)]) -> Result<(), MapError> {
        replace(&mut self.addresses, addresses)
    }

    /// Adds one socket name to the table of services.
    ///
    /// # Errors
    /// The map is full.
    pub fn add_service(&mut self, name: u64, service: u32) -> Result<(), MapError> {
        self.services.insert(name, service, 0)
    }

    pub fn remove_service(&mut self, name: u64) {
        ignore_missing("SERVICE_NAMES", self.services.remove(&name));
    }

    /// Adds one address to the table of addresses.
    ///
    /// # Errors
    /// The map is full.
    pub fn add_address(&mut self, key: AddressKey, class: u32) -> Result<(), MapError> {
        self.addresses.insert(key, class, 0)
    }

    pub fn remove_address(&mut self, key: AddressKey) {
        ignore_missing("ADDRESSES", self.addresses.remove(&key));
    }

    /// # Errors
    /// The map cannot be written.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), MapError> {
        self.policy.set(0, policy, 0)
    }

    /// What opening each secret of a catalogue is answered with, by its place there and then foreign or not.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn set_open_verdicts(&mut self, generation: u32, verdicts: &[u32]) -> Result<(), MapError> {
        let first = open_index(numbered(0, generation), false);
        (first..).zip(verdicts).try_for_each(|(index, verdict)| self.open_verdicts.set(index, verdict, 0))
    }

    /// Answers a held syscall; it takes effect when the caller is continued.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn answer(&mut self, key: AnswerKey, answer: Answer) -> Result<(), MapError> {
        self.answers.insert(key, answer, 0)
    }

    /// Takes an answer back.
    pub fn withdraw(&mut self, key: AnswerKey) {
        ignore_missing("ANSWERS", self.answers.remove(&key));
    }

    /// Takes back every answer of a session that is not taken yet.
    pub fn withdraw_of(&mut self, id: SessionId) {
        let keys: Vec<AnswerKey> = self.answers.keys().flatten().filter(|key| key.session == id.0).collect();
        keys.into_iter().for_each(|key| self.withdraw(key));
    }

    #[must_use]
    pub fn standing_answer(&self, key: AnswerKey) -> Option<Answer> {
        self.answers.get(&key, 0).ok()
    }

    /// Tells the kernel what to protect from agents: this process and these files.
    ///
    /// # Errors
    /// A map cannot be written.
    pub fn protect(&mut self, daemon: u32, files: &[InodeKey]) -> Result<(), MapError> {
        self.daemon.set(0, daemon, 0)?;
        let files: Vec<(InodeKey, u32)> = files.iter().map(|file| (*file, 1)).collect();
        replace(&mut self.own_inodes, &files)
    }

    /// Protects one more file.
    ///
    /// # Errors
    /// The map is full.
    pub fn protect_also(&mut self, file: InodeKey) -> Result<(), MapError> {
        self.own_inodes.insert(file, 1, 0)
    }

    /// Ends the protection of one file.
    pub fn unprotect(&mut self, file: InodeKey) {
        ignore_missing("OWN_INODES", self.own_inodes.remove(&file));
    }

    /// # Errors
    /// The map cannot be read.
    pub fn policy(&self) -> Result<Policy, MapError> {
        self.policy.get(&0, 0)
    }

    /// # Errors
    /// The map cannot be written.
    pub fn set_open_verdict(&mut self, index: u32, verdict: u32) -> Result<(), MapError> {
        self.open_verdicts.set(index, verdict, 0)
    }

    pub fn untag_inode(&mut self, key: InodeKey) {
        ignore_missing("SECRET_INODES", self.inodes.remove(&key));
    }

    /// Forgets the name that a secret had before.
    pub fn forget_followed(&mut self, key: InodeKey) {
        ignore_missing("FOLLOWED", self.followed.remove(&key));
    }

    /// What was lost since the maps were made, by `(ring, kind)`; only what is not zero.
    #[must_use]
    pub fn losses(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        LOSS_NAMES
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                let total = self.lost.get(&(index as u32), 0).ok()?.iter().sum();
                (total > 0).then_some((*name, total))
            })
            .collect()
    }
}

fn replace<K: Pod + Eq + std::hash::Hash, V: Pod>(
    table: &mut Table<K, V>,
    wanted: &[(K, V)],
) -> Result<(), MapError> {
    for (key, value) in wanted {
        table.insert(key, value, 0)?;
    }
    let keep: std::collections::HashSet<&K> = wanted.iter().map(|(key, _)| key).collect();
    let stale: Vec<K> = table.keys().flatten().filter(|key| !keep.contains(key)).collect();
    for key in stale {
        table.remove(&key)?;
    }
    Ok(())
}

fn take<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, ProbeError>
where
    M: TryFrom<aya::maps::Map, Error = MapError>,
{
    let map = ebpf.take_map(name).ok_or(ProbeError::Object { name })?;
    M::try_from(map).map_err(|source| ProbeError::Map { name, source: Box::new(source) })
}

fn table<K: Pod, V: Pod>(ebpf: &mut Ebpf, name: &'static str) -> Result<Table<K, V>, ProbeError>
where
    MapData: BorrowMut<MapData>,
{
    take(ebpf, name)
}

/// Removing what the kernel removed already is no failure; anything else is said.
fn ignore_missing(map: &str, result: Result<(), MapError>) {
    match result {
        Ok(()) | Err(MapError::KeyNotFound) => {}
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(map, %error, "an entry could not be removed"),
    }
}
