//! The kernel's side: programs, maps, and what the daemon has written into them.

pub mod attach_state;
pub mod numbering;
pub mod tags;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};

use monitor_common::{
    ABI,
    policy::{InodeKey, Policy, SecretTag},
};

use crate::{
    config::Config,
    daemon::context::kernel::{attach_state::AttachState, numbering::Numbering, tags::Tags},
    metrics::Metrics,
};
use interlock_core::{
    catalog::secrets::Secrets,
    facts::{BootNanos, SessionId},
    sessions::Registry,
};
use interlock_host::probes::{
    MapError, Maps, Probes,
    inode::{Anchor, Mounts},
    loader::{InForce, State},
    ring_merger::RingMerger,
    selftest::Proof,
};

/// The kernel's side of the daemon.
pub struct Kernel {
    pub probes: Probes,
    pub maps: Maps,
    /// Records that were read and wait for their turn.
    pub rings: RingMerger,
    attach_state: AttachState,
    pub numbering: Numbering,
    /// The kernel's verdict table, as it was written last.
    pub policy: Policy,
    tags: Tags,
    /// Interlock's own files, held so that their numbers stay theirs.
    own: Vec<Anchor>,
    /// What was proven of the hooks in force.
    pub proofs: Vec<Proof>,
}

impl Kernel {
    /// As the loader leaves it.
    pub fn new(probes: Probes, maps: Maps, numbering: Numbering) -> Self {
        Self {
            probes,
            maps,
            rings: RingMerger::default(),
            attach_state: AttachState::default(),
            numbering,
            policy: Policy::default(),
            tags: Tags::default(),
            own: Vec::new(),
            proofs: Vec::new(),
        }
    }

    /// Whether what only sessions need is not attached.
    pub fn is_at_rest(&self) -> bool {
        self.attach_state.is_detached()
    }

    /// Attaches what only sessions need, before there is one: nothing that its first process does goes unseen for it.
    pub fn expect_session(&mut self, metrics: &Metrics) {
        self.become_ready(metrics, AttachState::Needed);
    }

    /// Attaches what only sessions need while one lives or data must stay held; some time after, detaches it.
    pub fn follow_sessions(
        &mut self,
        sessions: &Registry,
        lingering: &HashMap<u64, BootNanos>,
        metrics: &Metrics,
    ) {
        let needed = !sessions.is_empty() || !lingering.is_empty();
        self.become_ready(metrics, if needed { AttachState::Needed } else { self.attach_state.unneeded() });
    }

    fn become_ready(&mut self, metrics: &Metrics, next: AttachState) {
        let before = Instant::now();
        if let Err(error) = self.probes.follow_sessions(!next.is_detached()) {
            // Fails open, visibly: what is not attached does not act on this machine now. Tried again at the next tick.
            tracing::error!(%error, "not everything that sessions need can be attached");
        }
        let changes = next.is_detached() != self.attach_state.is_detached();
        if changes {
            tracing::debug!(at_rest = next.is_detached(), took = ?before.elapsed(), "what only sessions need");
        }
        self.attach_state = next;
        let served = self.probes.in_force().iter().map(|served| {
            let active = served.active().map(|spec| spec.backend.name());
            (served.feature.name(), active, state_of(served))
        });
        metrics.enforcement(served);
    }

    /// Tags a store of `session`.
    pub fn tag(&mut self, session: SessionId, anchor: Anchor, tag: SecretTag) {
        if let Err(error) = self.maps.tag_inode(anchor.key, self.numbering.tag(tag)) {
            tracing::warn!(%session, ino = anchor.key.ino, %error, "the secret is known by name only");
            return;
        }
        self.tags.add(anchor, session);
    }

    pub fn untag_ended(&mut self, session: SessionId) {
        self.tags.end(session).into_iter().for_each(|key| self.maps.untag_inode(key));
    }

    /// Files that were deleted: nobody can open them any more, and their numbers are free once they are let go of.
    pub fn untag_deleted(&mut self) {
        let gone = self.tags.remove_deleted();
        gone.into_iter().for_each(|key| self.maps.untag_inode(key));
    }

    /// What an earlier daemon had tagged and this one has not found again.
    pub fn untag_strangers(&mut self) {
        let tags = &self.tags;
        self.maps.keep_tags(|key| tags.contain(*key));
    }

    /// Names by which the kernel finds secrets: the catalogue's, and those of stores that sessions' variables moved. Where
    /// one name is both, it is the catalogue's.
    pub fn write_names(&mut self, sessions: &Registry, secrets: &Secrets) -> Result<(), MapError> {
        let moved = sessions.iter().flat_map(|session| session.moved.names().iter().copied());
        let names = moved.chain(secrets.kernel_names());
        let names: HashMap<u64, _> = names.map(|(name, tag)| (name, self.numbering.tag(tag))).collect();
        self.maps.replace_names(&names.into_iter().collect::<Vec<_>>())
    }

    /// Returns files that are tagged the numbers that their secrets have now.
    pub fn renumber(&mut self, secrets: &Secrets) -> Result<(), MapError> {
        let numbering = &self.numbering;
        let now = |tag: SecretTag| {
            secrets.kernel_tag(numbering.entry(tag.entry, secrets)?).map(|tag| numbering.tag(tag))
        };
        self.maps.renumber(now)
    }

    /// Tells the kernel which process and files are Interlock's own: agents may not signal, remove or rewrite them. Takes
    /// effect where the LSM backend is in force.
    pub fn protect_own(&mut self, config: &Config) {
        let Config { files: configured, drop_ins, socket, state, rules, pins, .. } = config;
        let listed = |dir: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).chain([dir.to_path_buf()]).collect()
        };
        let mut files = listed(state);
        files.extend([rules, drop_ins].into_iter().flatten().flat_map(|directory| listed(directory)));
        // With the root of their file system, so that it cannot be unmounted.
        files.extend(
            pins.iter().flat_map(|pins| [pins.clone(), pins.join(format!("v{ABI}")), bpffs_of(pins)]),
        );
        files.extend(
            [socket.clone()].into_iter().chain(configured.iter().cloned()).chain(std::env::current_exe()),
        );
        let mounts = Mounts::own();
        self.own = files.iter().filter_map(|file| mounts.anchor(file).ok()).collect();
        let keys: Vec<InodeKey> = self.own.iter().map(|anchor| anchor.key).collect();
        if let Err(error) = self.maps.protect(std::process::id(), &keys) {
            tracing::warn!(%error, "agents are not kept from Interlock's own files");
        }
    }
}

/// How a feature is served, as the metrics say it.
fn state_of(served: &InForce) -> &'static str {
    match (served.spec, &served.state) {
        (None, _) => "none",
        (Some(_), State::Failed(_)) => "failed",
        (Some(_), _) if served.refused.is_empty() => "best",
        (Some(_), _) => "lesser",
    }
}

/// Where the file system of the pins is mounted: the topmost of the directories on its device.
fn bpffs_of(pins: &Path) -> PathBuf {
    let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
    let wanted = device(pins);
    pins.ancestors().take_while(|path| device(path) == wanted).last().unwrap_or(pins).to_path_buf()
}
