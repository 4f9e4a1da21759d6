//! Enrichment: from what the kernel saw to what rules speak about.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use monitor_common::event::{
    file::{self, Names, Open, Probe, ProcOpen, Relink, proc_file},
    network::FlowAsk,
};
use monitor_common::policy::InodeKey;

use super::engine::Engine;
use crate::{
    catalog::{basename, normalise, script_place},
    facts::{BootNanos, Destination, EnvironAccess, EnvironHow, SecretAccess, SessionId, Transport},
    names::Identified,
    probes::decode::text,
    recognition::{self, KnownBy, Reader},
    sessions::{procfs, root},
};

const UDP: u16 = 17;
/// Processes through which a file is looked at again.
const VIEWERS_MAX: usize = 4;

impl Engine {
    /// The secret that was opened; `None` where its name only looked like one.
    pub fn opened_secret(&mut self, open: &Open) -> Option<SecretAccess> {
        let (pid, session) = (open.header.tgid, SessionId(open.header.session));
        let path = self.path_of(pid, session, open.file.dev, &open.path);
        let foreign = open.foreign != 0 && !self.is_of_project(pid, session, &path, open.file, open.matched);
        self.secret(pid, session, path, open.tag.entry, open.matched, foreign)
    }

    /// The secret that got another name, by the one it had.
    pub fn relinked_secret(&mut self, relink: &Relink) -> Option<SecretAccess> {
        let (pid, session) = (relink.header.tgid, SessionId(relink.header.session));
        let path = self.path_of(pid, session, relink.file.dev, &relink.path);
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
        // `WORKSPACE/../.env` only looks as if it were inside.
        let path = normalise(&path.to_string_lossy());
        let known = self.registry.get(session);
        let own = known.into_iter().flat_map(|known| known.workspace.iter().chain(&known.project));
        let foreign = own.into_iter().all(|tree| recognition::is_outside(Some(tree), Path::new(&path)));
        self.secret(pid, session, path, probe.tag.entry, probe.matched, foreign)
    }

    fn secret(
        &self,
        pid: u32,
        id: SessionId,
        path: String,
        number: u32,
        matched: u32,
        foreign: bool,
    ) -> Option<SecretAccess> {
        let session = self.registry.get(id)?;
        // The kernel knows one workspace of a session; what a daemon does for its clients is done in theirs.
        let foreign = foreign && !session.is_served(Path::new(&path));
        let entry = self.numbering.entry(number, &self.know.catalog.secrets);
        let hint = entry.unwrap_or(u32::MAX);
        let known = match (matched, entry) {
            (file::matched::NAME, _) => KnownBy::Name { hint },
            (file::matched::INODE, Some(entry)) => KnownBy::Inode { entry },
            // Also what was tagged by a catalogue that nobody knows any more.
            _ => KnownBy::Unresolved { hint },
        };
        let process = self.registry.actor(id, pid);
        let ancestors = process.map(|process| self.registry.ancestors(id, process)).unwrap_or_default();
        let executable =
            process.map(|process| procfs::executable(pid).unwrap_or_else(|| process.executable.clone()));
        let args = process
            .map(|process| with_absolute_script(pid, executable.as_deref(), &process.args))
            .unwrap_or_default();
        let (home, workspace) = (session.home.as_deref(), session.workspace.as_deref());
        let environment = args.get(1).and_then(|script| environment_of(pid, script, home, workspace));
        let reader = Reader {
            grounds: session.grounds(),
            moved: &session.moved,
            environment: environment.as_deref(),
            is_root: pid == id.root(),
            executable: executable.as_deref().filter(|_| !self.strangers.contain(id, pid)),
            args: &args,
            ancestors: &ancestors,
        };
        recognition::secret(&self.know.catalog, reader, path, known, foreign)
    }

    /// Whether a file that the kernel calls foreign lies in another tree of the session's project: the kernel knows the
    /// workspace alone. What a session moved there from elsewhere does not belong to it, so every directory up to the tree's
    /// root is looked at, through a process that sees it, without waiting for any file system. Fails closed: what cannot be
    /// looked at so stays foreign.
    fn is_of_project(&mut self, pid: u32, id: SessionId, path: &str, key: InodeKey, matched: u32) -> bool {
        let path = Path::new(path);
        let trees = self.registry.get(id).into_iter().flat_map(|session| &session.project);
        let Some(tree) = trees.into_iter().find(|tree| path.starts_with(tree)) else { return false };
        // The reader may have ended; the others see the same file, or none.
        let others = self.registry.pids(id, id.root()).into_iter().take(VIEWERS_MAX);
        let viewers: Vec<u32> = std::iter::once(pid).chain(others).collect();
        let Self { mounts, uplink, .. } = self;
        matched == file::matched::NAME
            && viewers.into_iter().any(|pid| {
                let Some(mounts) = mounts.of(pid) else { return false };
                let identity = |path: &Path| {
                    let file = root::known(pid, path).ok()?;
                    mounts.identify(&root::descriptor(&file)).ok()
                };
                let mut above = path.ancestors().skip(1).take_while(|directory| directory.starts_with(tree));
                identity(path) == Some(key)
                    && above.all(|directory| identity(directory).is_some_and(|key| !uplink.was_moved(key)))
            })
    }

    /// The opened file's path as the process sees its mounts, else as the session's root does, or did when it was looked at.
    fn path_of(&mut self, pid: u32, id: SessionId, dev: u32, path: &Names) -> String {
        let used = (path.components as usize).min(file::COMPONENTS);
        let names: Vec<String> = path.names.iter().take(used).rev().map(|name| text(name)).collect();
        if path.complete == 0 {
            return format!("…/{}", names.join("/")); // deeper than the kernel looked
        }
        let inside = Path::new("/").join(names.join("/"));
        let alive = [pid, id.root()].into_iter().find_map(|pid| self.mounts.of(pid)?.path(dev, &inside));
        let remembered = || self.registry.get(id)?.mounts.path(dev, &inside);
        let seen = alive.or_else(remembered);
        seen.unwrap_or(inside).to_string_lossy().into_owned()
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
        let address = IpAddr::from(address).to_canonical();
        let identified = self.names.identify(session, address, port, &[], None, at);
        recognition::destination(&self.know.catalog.destinations, &identified, address, port, transport)
    }

    /// What the flow says of its name, now and when it began, and what DNS said before it.
    pub fn identified(&self, ask: &FlowAsk) -> Identified {
        let (session, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
        let (shown, kept) = (self.greetings.with_before(ask), self.kept_name(ask));
        let address = IpAddr::from(ask.address).to_canonical();
        let mut identified = self.names.identify(session, address, ask.port, &shown, kept.as_ref(), at);
        // A datagram is whole: nothing that is written next is added to it.
        identified.unfinished &= ask.protocol != UDP;
        identified
    }

    /// Where a flow that asks goes.
    pub fn asked_destination(&self, ask: &FlowAsk, identified: &Identified) -> Destination {
        let transport = match ask.protocol {
            _ if ask.address == [0; 16] && ask.port == 0 => Transport::Raw,
            UDP => Transport::Udp,
            _ => Transport::Tcp,
        };
        let address = IpAddr::from(ask.address).to_canonical();
        recognition::destination(&self.know.catalog.destinations, identified, address, ask.port, transport)
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

/// An interpreter's arguments with the path of its script made whole: `python3 .venv/bin/pip`, `node lint.js`.
///
/// Not in a package's own directory: that is where its install script is run, which is nobody's tool.
fn with_absolute_script(pid: u32, executable: Option<&str>, args: &[String]) -> Vec<String> {
    let mut args = args.to_vec();
    let place = script_place(basename(executable.unwrap_or_default()), &args);
    let Some(script) = place.and_then(|place| args.get_mut(place)).filter(|script| !script.starts_with('/'))
    else {
        return args;
    };
    let Some(directory) = procfs::working_directory(pid) else { return args };
    let of_a_package = directory.components().any(|part| part.as_os_str() == "node_modules");
    // A bare word may be a command: `bun install`.
    let is_file = || Path::new("/proc").join(pid.to_string()).join("cwd").join(&*script).is_file();
    if !of_a_package && (script.contains('/') || is_file()) {
        *script = directory.join(&*script).to_string_lossy().into_owned();
    }
    args
}

/// The Python environment, of whatever name, that a script of the home lies in: `bin` beside `pyvenv.cfg` (PEP 405). One in the
/// workspace is none: it is the agent's work. Whoever may write to the home can make one, as with every place there that
/// tools are installed in.
fn environment_of(pid: u32, script: &str, home: Option<&str>, workspace: Option<&Path>) -> Option<String> {
    let script = Path::new(script);
    let environment = script.parent().filter(|bin| bin.ends_with("bin"))?.parent()?;
    let is_home = home.is_some_and(|home| home.len() > 1 && environment.starts_with(home));
    if !is_home || !recognition::is_outside(workspace, environment) {
        return None;
    }
    let inside = environment.strip_prefix("/").ok()?.join("pyvenv.cfg");
    let marker = Path::new("/proc").join(pid.to_string()).join("root").join(inside);
    marker
        .symlink_metadata()
        .is_ok_and(|meta| meta.is_file())
        .then(|| environment.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_environment_of_any_name_is_known_by_its_configuration_and_not_in_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().to_str().unwrap();
        for folder in ["tools/bin", "work/env/bin", "plain/bin"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        for folder in ["tools", "work/env"] {
            fs::write(place.path().join(folder).join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
        }
        let found = |script: &str| {
            let script = place.path().join(script);
            let workspace = place.path().join("work");
            environment_of(std::process::id(), script.to_str().unwrap(), Some(home), Some(&workspace))
        };
        assert_eq!(found("tools/bin/aws"), Some(format!("{home}/tools")));
        for none in ["work/env/bin/aws", "plain/bin/aws", "tools/lib/aws", "tools/bin/x/aws"] {
            assert_eq!(found(none), None, "{none}");
        }
        let elsewhere = place.path().join("tools/bin/aws");
        assert_eq!(
            environment_of(std::process::id(), elsewhere.to_str().unwrap(), Some("/home/ann"), None),
            None
        );
    }
}
