//! What the daemon tells the kernel of catalogues, rules and itself.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use monitor_common::{
    ABI,
    label::GATED,
    policy::{InodeKey, RUN_LATER},
};

use super::{StartError, engine::Engine};
use crate::config::Config;
use interlock_host::probes::{
    MapError,
    inode::Mounts,
    loader::InForce,
    table::{Backend, Feature},
};

impl Engine {
    /// Writes catalogues and rules into the kernel's tables.
    pub fn write_tables(&mut self) -> Result<(), StartError> {
        let failed = |error: MapError| StartError::System {
            what: "writing the kernel's tables",
            source: std::io::Error::other(error),
        };
        self.decider.settings.rules = Arc::clone(&self.policies.rules);
        // First the verdicts, under numbers that no tag has yet; then the tags, each of which leads to its own.
        let open_verdicts = self.policies.rules.open_verdicts(&self.policies.catalog.secrets);
        let generation = self.numbering.generation();
        self.maps.set_open_verdicts(generation, &open_verdicts).map_err(failed)?;
        self.write_names().map_err(failed)?;
        self.renumber().map_err(failed)?;
        let names = self.policies.catalog.delegate_socket_names();
        let sockets = names.iter().map(|name| (name.key(), name.service));
        let files = self.policies.catalog.delegate_file_keys().iter().map(|key| (*key, RUN_LATER));
        let services: Vec<(u64, u32)> = sockets.chain(files).collect();
        self.maps.replace_services(&services).map_err(failed)?;
        self.maps
            .replace_addresses(&self.policies.catalog.destinations.kernel_addresses())
            .map_err(failed)?;
        self.policy = self.policies.rules.kernel_policy(self.observing());
        let early = |served: &InForce| {
            served.feature == Feature::Connect
                && served.offer.is_some_and(|offer| offer.backend == Backend::Lsm)
        };
        self.policy.late_handshake = u32::from(!self.probes.in_force().iter().any(early));
        self.policy.generation = generation;
        self.maps.set_policy(self.policy).map_err(failed)?;
        for id in self.decider.sessions.ids() {
            let Some(gated) = self.decider.settle_gate(id) else { continue };
            self.maps.set_flags(id, GATED, gated).map_err(failed)?;
        }
        self.metrics.rules(self.policies.rules.sha256());
        self.export_packs();
        self.export_registries();
        Ok(())
    }

    /// Names by which the kernel finds secrets: the catalogue's, and those of stores that sessions' variables moved. Where
    /// one name is both, it is the catalogue's.
    pub fn write_names(&mut self) -> Result<(), MapError> {
        let moved = self.decider.sessions.iter().flat_map(|session| session.moved.names().iter().copied());
        let names = moved.chain(self.policies.catalog.secrets.kernel_names());
        let names: HashMap<u64, _> = names.map(|(name, tag)| (name, self.numbering.tag(tag))).collect();
        self.maps.replace_names(&names.into_iter().collect::<Vec<_>>())
    }

    /// Tells the kernel which process and files are Interlock's own: agents may not signal, remove or rewrite them. Takes
    /// effect where the LSM backend is in force.
    pub fn protect_own(&mut self) {
        let Config { file, socket, state, rules, pins, .. } = &self.config;
        let listed = |dir: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).chain([dir.to_path_buf()]).collect()
        };
        let mut files = listed(state);
        files.extend(rules.iter().flat_map(|rules| listed(rules)));
        // With the root of their file system, so that it cannot be unmounted.
        files.extend(
            pins.iter().flat_map(|pins| [pins.clone(), pins.join(format!("v{ABI}")), bpffs_of(pins)]),
        );
        files.extend([socket.clone()].into_iter().chain(file.clone()).chain(std::env::current_exe()));
        let mounts = Mounts::own();
        self.own = files.iter().filter_map(|file| mounts.anchor(file).ok()).collect();
        let keys: Vec<InodeKey> = self.own.iter().map(|anchor| anchor.key).collect();
        if let Err(error) = self.maps.protect(std::process::id(), &keys) {
            tracing::warn!(%error, "agents are not kept from Interlock's own files");
        }
    }
}

/// Where the file system of the pins is mounted: the topmost of the directories on its device.
fn bpffs_of(pins: &Path) -> PathBuf {
    let device = |path: &Path| rustix::fs::stat(path).map(|stat| stat.st_dev).ok();
    let wanted = device(pins);
    pins.ancestors().take_while(|path| device(path) == wanted).last().unwrap_or(pins).to_path_buf()
}
