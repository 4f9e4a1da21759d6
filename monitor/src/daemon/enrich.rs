//! Enrichment: from what the kernel saw to what rules speak about.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use monitor_common::event::{
    file::{self, Names, Open, Probe, ProcOpen, Relink, proc_file},
    network::FlowAsk,
};

use super::engine::Engine;
use crate::{
    catalog::{agents::UNKNOWN, secrets::UNRESOLVED},
    facts::{
        BootNanos, Destination, DestinationClass, EnvironAccess, EnvironHow, Grade, NameSource, SecretAccess,
        SessionId, Transport,
    },
    names::Identified,
    probes::decode::text,
    probes::inode::MountCache,
    sessions::procfs,
};

const UDP: u16 = 17;

impl Engine {
    /// The secret that was opened; `None` where its name only looked like one.
    pub fn opened_secret(&mut self, open: &Open) -> Option<SecretAccess> {
        let (pid, session) = (open.header.tgid, SessionId(open.header.session));
        let path = path_of(&mut self.mounts, pid, session, open.dev, &open.path);
        self.secret(pid, session, path, open.tag.entry, open.matched, open.foreign != 0)
    }

    /// The secret that got another name, by the one it had.
    pub fn relinked_secret(&mut self, relink: &Relink) -> Option<SecretAccess> {
        let (pid, session) = (relink.header.tgid, SessionId(relink.header.session));
        let path = path_of(&mut self.mounts, pid, session, relink.dev, &relink.path);
        self.secret(pid, session, path, relink.tag.entry, relink.matched, relink.foreign != 0)
    }

    /// The secret that could not be opened.
    pub fn probed_secret(&self, probe: &Probe) -> Option<SecretAccess> {
        let (pid, session) = (probe.header.tgid, SessionId(probe.header.session));
        let given = PathBuf::from(text(&probe.path));
        let path = if given.is_absolute() {
            given
        } else {
            procfs::working_directory(pid).map(|cwd| cwd.join(&given)).unwrap_or(given)
        };
        let workspace = self.registry.get(session).and_then(|session| session.workspace.as_deref());
        let foreign = workspace.is_none_or(|workspace| !path.starts_with(workspace));
        self.secret(
            pid,
            session,
            path.to_string_lossy().into_owned(),
            probe.tag.entry,
            probe.matched,
            foreign,
        )
    }

    fn secret(
        &self,
        pid: u32,
        id: SessionId,
        path: String,
        entry: u32,
        matched: u32,
        foreign: bool,
    ) -> Option<SecretAccess> {
        let session = self.registry.get(id)?;
        let home = session.home.as_deref();
        let secrets = &self.know.catalog.secrets;
        let number = entry;
        let (entry, class, grade) = match matched {
            // Too long to be looked at: counts as a secret, and says so.
            file::matched::UNRESOLVED => (UNRESOLVED.to_owned(), UNKNOWN.to_owned(), Grade::B),
            // The inode is the secret's, whatever the path says.
            file::matched::INODE => {
                let judged = secrets.tagged(entry)?;
                (judged.id.to_owned(), judged.class.to_owned(), judged.grade)
            }
            _ => {
                let usual = secrets.judge(&path, home, entry);
                let judged = usual.or_else(|| secrets.judge_moved(&path, &session.moved))?;
                (judged.id.to_owned(), judged.class.to_owned(), judged.grade)
            }
        };
        let owner = self.reads_its_own(pid, id, number, &path);
        Some(SecretAccess { path, entry, class, grade, foreign: foreign && !owner, owner })
    }

    /// The reader is one of the store's owner tools, or the agent itself reads its own store.
    fn reads_its_own(&self, pid: u32, id: SessionId, entry: u32, path: &str) -> bool {
        let Some(session) = self.registry.get(id) else { return false };
        let home = session.home.as_deref();
        if pid == id.root() && self.know.catalog.agents.reads_for_itself(&session.agent, path, home) {
            return true;
        }
        let Some(process) = self.registry.process(pid) else { return false };
        let executable = procfs::executable(pid).unwrap_or_else(|| process.executable.clone());
        self.know.catalog.secrets.is_owner(entry, &executable, &process.args, home)
    }

    /// Where a connect goes.
    pub fn destination(
        &self,
        session: SessionId,
        address: [u8; 16],
        port: u16,
        protocol: u16,
        at: BootNanos,
    ) -> Destination {
        let transport = if protocol == UDP { Transport::Udp } else { Transport::Tcp };
        let identified = self.names.identify(session, IpAddr::from(address).to_canonical(), port, &[], at);
        self.named(IpAddr::from(address).to_canonical(), port, transport, &identified)
    }

    /// What the flow's first data, and DNS before it, say of its name.
    pub fn identified(&self, ask: &FlowAsk) -> Identified {
        let shown = ask.payload.get(..ask.payload_len as usize).unwrap_or_default();
        let (session, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
        self.names.identify(session, IpAddr::from(ask.address).to_canonical(), ask.port, shown, at)
    }

    /// Where a flow that asks goes.
    pub fn asked_destination(&self, ask: &FlowAsk, identified: &Identified) -> Destination {
        let is_raw = ask.address == [0; 16] && ask.port == 0;
        let transport = match ask.protocol {
            _ if is_raw => Transport::Raw,
            UDP => Transport::Udp,
            _ => Transport::Tcp,
        };
        let address = IpAddr::from(ask.address).to_canonical();
        let mut found = self.named(address, ask.port, transport, identified);
        // Whoever it is for has not been said: the address of a proxy on this machine proves nothing.
        if found.name.is_none()
            && (is_raw || identified.unfinished)
            && danger(found.class) < danger(DestinationClass::Unknown)
        {
            found.class = DestinationClass::Unknown;
        }
        found
    }

    fn named(
        &self,
        address: IpAddr,
        port: u16,
        transport: Transport,
        identified: &Identified,
    ) -> Destination {
        let (address, port) = proxied(identified).unwrap_or((address, port));
        let port = identified.proxy_target.as_ref().map_or(port, |(_, port)| *port);
        let (by_address, provider) = self.know.catalog.destinations.classify_address(address, port);
        let provider = provider.map(str::to_owned);
        let mut best =
            Destination { address, port, transport, name: None, named_by: None, class: by_address, provider };
        for (name, source) in names_that_count(identified) {
            let (class, provider) = match self.know.catalog.destinations.classify(name) {
                Some((class, provider)) => (class, Some(provider.to_owned())),
                None => (by_address, best.provider.clone()),
            };
            if best.name.is_none() || danger(class) > danger(best.class) {
                best.name = Some(name.clone());
                best.named_by = Some(*source);
                best.class = class;
                best.provider = provider;
            }
        }
        best
    }

    /// Whose environment or memory was opened; `None` where the names make no sense.
    pub fn opened_proc(&self, open: &ProcOpen) -> Option<EnvironAccess> {
        let [parent, task, process] = open.names.map(|name| text(&name));
        // `PID/environ`, or `PID/task/TID/environ`.
        let target: u32 = if task == "task" { process.parse().ok()? } else { parent.parse().ok()? };
        let how = if open.file == proc_file::MEM { EnvironHow::Memory } else { EnvironHow::Open };
        Some(EnvironAccess { target, own: target == open.header.tgid, how })
    }
}

/// The flow's own name alone, where it has one and DNS does not contradict it; otherwise every name that could be true.
fn names_that_count(identified: &Identified) -> impl Iterator<Item = &(String, NameSource)> {
    let own = identified.names.first().is_some_and(|(_, source)| *source != NameSource::Dns);
    let trusted = own && !identified.mismatch;
    identified.names.iter().take(if trusted { 1 } else { usize::MAX })
}

/// A proxy that is asked for an address, not for a name.
fn proxied(identified: &Identified) -> Option<(IpAddr, u16)> {
    let (host, port) = identified.proxy_target.as_ref()?;
    Some((host.parse::<IpAddr>().ok()?.to_canonical(), *port))
}

/// Which of several possible classes is assumed: the worst.
fn danger(class: DestinationClass) -> u8 {
    match class {
        DestinationClass::Infra => 7,
        DestinationClass::Metadata => 6,
        DestinationClass::Database => 5,
        DestinationClass::Unknown => 4,
        DestinationClass::Vcs => 3,
        DestinationClass::Package => 2,
        DestinationClass::Model => 1,
        DestinationClass::Local => 0,
    }
}

/// The opened file's path as the process sees its mounts, else as the session's root or the daemon does.
fn path_of(mounts: &mut MountCache, pid: u32, session: SessionId, dev: u32, path: &Names) -> String {
    let used = (path.components as usize).min(file::COMPONENTS);
    let names: Vec<String> = path.names.iter().take(used).rev().map(|name| text(name)).collect();
    if path.complete == 0 {
        return format!("…/{}", names.join("/")); // deeper than the kernel looked
    }
    let inside = Path::new("/").join(names.join("/"));
    [pid, session.root(), std::process::id()]
        .into_iter()
        .find_map(|pid| mounts.of(pid)?.path(dev, &inside))
        .unwrap_or(inside)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(names: &[(&str, NameSource)], mismatch: bool) -> Identified {
        let names = names.iter().map(|(name, source)| ((*name).to_owned(), *source)).collect();
        Identified { names, mismatch, ..Identified::default() }
    }

    #[test]
    fn the_flows_own_name_counts_alone_unless_dns_contradicts() {
        let names =
            [("api.anthropic.com", NameSource::ServerName), ("backboard.railway.app", NameSource::Dns)];
        assert_eq!(names_that_count(&identified(&names, false)).count(), 1);
        assert_eq!(names_that_count(&identified(&names, true)).count(), 2);
        let dns = [("a.example", NameSource::Dns), ("b.example", NameSource::Dns)];
        assert_eq!(names_that_count(&identified(&dns, false)).count(), 2);
    }

    #[test]
    fn a_proxy_asked_for_an_address_leads_to_that_address() {
        let mut found = identified(&[], false);
        found.proxy_target = Some(("169.254.169.254".into(), 80));
        assert_eq!(proxied(&found), Some(([169, 254, 169, 254].into(), 80)));
        found.proxy_target = Some(("api.example".into(), 443));
        assert_eq!(proxied(&found), None);
    }
}
