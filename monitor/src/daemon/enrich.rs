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
use interlock_core::{
    catalog::{basename, normalise, script_place},
    facts::{BootNanos, Destination, EnvironAccess, EnvironHow, Process, SecretAccess, SessionId, Transport},
    names::{Identified, Shown},
    recognition::{self, KnownBy, Reader},
    strings::text,
};
use interlock_host::proc::{aside, origin, procfs, root};

const UDP: u16 = 17;
const HTTPS: u16 = 443;
/// Processes through which a file is looked at again.
const VIEWERS_MAX: usize = 4;

impl Engine {
    /// The secret that was opened; `None` where its name only looked like one.
    pub fn opened_secret(&mut self, open: &Open) -> Option<SecretAccess> {
        let (pid, session) = (open.header.tgid, SessionId(open.header.session));
        let (path, real) = self.called(pid, session, open.file.dev, &open.path);
        let foreign = open.foreign != 0 && !self.is_own(open, real.as_ref().unwrap_or(&path));
        if open.matched == file::matched::COPY {
            let found = self.secret(pid, session, path, open.tag.entry, file::matched::INODE, true);
            let copy = found.map(|secret| SecretAccess { copy: true, foreign: true, owner: false, ..secret });
            return copy.filter(|copy| self.is_copy(open, copy));
        }
        let real =
            real.and_then(|real| self.secret(pid, session, real, open.tag.entry, open.matched, foreign));
        // A container's mounts give a store its name, too.
        real.or_else(|| self.secret(pid, session, path.clone(), open.tag.entry, open.matched, foreign))
            .or_else(|| self.renamed_secret(pid, session, path, open, foreign))
    }

    /// A foreign file that counts for nothing by the name of a directory that somebody renamed since the session began: what
    /// it was called before is not known, so it is what the kernel took it for.
    fn renamed_secret(
        &self,
        pid: u32,
        id: SessionId,
        path: String,
        open: &Open,
        foreign: bool,
    ) -> Option<SecretAccess> {
        let session =
            self.decider.sessions.get(id).filter(|_| foreign && open.matched == file::matched::NAME)?;
        let is_renamed =
            origin::is_renamed_since(&[pid, id.root()], Path::new(&path), self.wall(session.started));
        is_renamed.then(|| self.secret(pid, id, path, open.tag.entry, file::matched::INODE, foreign))?
    }

    /// The secret that got another name, by the one it had.
    pub fn relinked_secret(&mut self, relink: &Relink) -> Option<SecretAccess> {
        let (pid, session) = (relink.header.tgid, SessionId(relink.header.session));
        let (path, _) = self.called(pid, session, relink.file.dev, &relink.path);
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
        let known = self.decider.sessions.get(session);
        let own = known.into_iter().flat_map(|known| known.workspace.iter().chain(&known.project));
        let foreign = own.into_iter().all(|tree| recognition::is_outside(Some(tree), Path::new(&path)));
        self.secret(pid, session, path, probe.tag.entry, probe.matched, foreign)
    }

    pub fn secret(
        &self,
        pid: u32,
        id: SessionId,
        path: String,
        number: u32,
        matched: u32,
        foreign: bool,
    ) -> Option<SecretAccess> {
        let session = self.decider.sessions.get(id)?;
        // The kernel knows one workspace of a session; what a daemon does for its clients is done in theirs.
        let foreign = foreign && !session.is_served(Path::new(&path));
        let entry = self.numbering.entry(number, &self.policies.catalog.secrets);
        let hint = entry.unwrap_or(u32::MAX);
        let known = match (matched, entry) {
            (file::matched::NAME, _) => KnownBy::Name { hint },
            (file::matched::INODE, Some(entry)) => KnownBy::Inode { entry },
            // Also what was tagged by a catalogue that nobody knows any more.
            _ => KnownBy::Unresolved { hint },
        };
        let process = self.decider.sessions.actor(id, pid);
        let ancestors =
            process.map(|process| self.decider.sessions.ancestors(id, process)).unwrap_or_default();
        let executable = process.map(|process| {
            let program = procfs::executable(pid).or_else(|| program_of_twin(process, &ancestors));
            program.unwrap_or_else(|| process.executable.clone())
        });
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
        recognition::secret(&self.policies.catalog, reader, path, known, foreign)
    }

    /// Whether a file that the kernel calls foreign lies in a tree of the session's that the kernel did not know: another one
    /// of its project, or the workspace while its root was being looked for. What a session moved there from elsewhere does
    /// not belong to it, so every directory up to the tree's root is looked at, through a process that sees it, without
    /// waiting for any file system. Fails closed: what cannot be looked at so stays foreign.
    fn is_own(&mut self, open: &Open, path: &str) -> bool {
        let (pid, id, key) = (open.header.tgid, SessionId(open.header.session), open.file);
        let (path, at) = (Path::new(path), BootNanos(open.header.at_ns));
        let mut trees =
            self.decider.sessions.get(id).into_iter().flat_map(|session| session.trees_unknown_at(at));
        let Some(tree) = trees.find(|tree| path.starts_with(tree)) else { return false };
        let viewers = self.viewers(id, pid);
        let Self { mounts, maps, .. } = self;
        open.matched == file::matched::NAME
            && viewers.into_iter().any(|pid| {
                let Some(mounts) = mounts.of(pid) else { return false };
                let identity = |path: &Path| {
                    let file = root::known(pid, path).ok()?;
                    mounts.identify(&root::descriptor(&file)).ok()
                };
                let mut above = path.ancestors().skip(1).take_while(|directory| directory.starts_with(tree));
                identity(path) == Some(key)
                    && above.all(|directory| identity(directory).is_some_and(|key| !maps.was_moved(key)))
            })
    }

    /// Processes through which a reader's file is looked at: it may have ended, and the others see the same file, or none.
    pub fn viewers(&self, id: SessionId, pid: u32) -> Vec<u32> {
        let others = self.decider.sessions.pids(id, id.root()).into_iter().take(VIEWERS_MAX);
        std::iter::once(pid).chain(others).collect()
    }

    /// The opened file's path as the process sees its mounts, else as the session's root does, or did when it was looked at;
    /// and what it was called where the session began, if that differs and who was looked at has left that view since.
    pub fn called(&mut self, pid: u32, id: SessionId, dev: u32, path: &Names) -> (String, Option<String>) {
        let inside = match inside(path) {
            Ok(inside) => inside,
            Err(end) => return (end, None),
        };
        // One look gives path and view: a reader that ends meanwhile must not be told from one that stayed.
        let seen = [pid, id.root()].into_iter().find_map(|pid| {
            let (view, mounts) = self.mounts.look(pid)?;
            Some((mounts.path(dev, &inside)?, view))
        });
        let around = self.surroundings.get(&id);
        let real = seen.as_ref().zip(around).and_then(|((path, view), around)| {
            around.origin.path_for(view, dev, &inside).filter(|real| real != path)
        });
        let remembered = || around?.mounts.path(dev, &inside);
        let path = seen.map(|(path, _)| path).or_else(remembered).unwrap_or(inside);
        (path.to_string_lossy().into_owned(), real.map(|real| real.to_string_lossy().into_owned()))
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
        let identified = self.names.identify(session, address, port, Shown::NOTHING, None, at);
        recognition::destination(&self.policies.catalog.destinations, &identified, address, port, transport)
    }

    /// What the flow says of its name, now and when it began, and what DNS said before it.
    pub fn identified(&self, ask: &FlowAsk) -> Identified {
        let (session, at) = (SessionId(ask.header.session), BootNanos(ask.header.at_ns));
        let (shown, kept) = (self.greetings.with_before(ask), self.kept_name(ask));
        let address = IpAddr::from(ask.address).to_canonical();
        let mut identified = {
            let hides_its_name = ask.protocol == UDP && ask.port == HTTPS && is_quic(&shown);
            let shown = Shown { bytes: &shown, changeable: ask.changeable != 0 || hides_its_name };
            self.names.identify(session, address, ask.port, shown, kept.as_ref(), at)
        };
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
        recognition::destination(
            &self.policies.catalog.destinations,
            identified,
            address,
            ask.port,
            transport,
        )
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

/// Where a file stands in its file system; its end, `…/NAMES`, where that is deeper than the kernel looked.
fn inside(path: &Names) -> Result<PathBuf, String> {
    let used = (path.components as usize).min(file::COMPONENTS);
    let names: Vec<String> = path.names.iter().take(used).rev().map(|name| text(name)).collect();
    if path.complete == 0 {
        Err(format!("…/{}", names.join("/")))
    } else {
        Ok(Path::new("/").join(names.join("/")))
    }
}

/// The program of a process that has ended, by one that it was forked from and that runs the same: of a script only the
/// script's path is known otherwise, and not its interpreter.
fn program_of_twin(process: &Process, ancestors: &[&Process]) -> Option<String> {
    let is_twin = |other: &&&Process| other.executable == process.executable && other.args == process.args;
    ancestors.iter().take_while(is_twin).find_map(|twin| procfs::executable(twin.pid))
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
    let is_file = || {
        let file = procfs::living(pid).join("cwd").join(&*script);
        aside::look(move || file.is_file()).unwrap_or_default()
    };
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
    let marker = procfs::living(pid).join("root").join(inside);
    let is_file = aside::look(move || marker.symlink_metadata().is_ok_and(|meta| meta.is_file()));
    is_file.unwrap_or_default().then(|| environment.to_string_lossy().into_owned())
}

/// A packet of QUIC (RFC 9000, 17.2 and 17.3: the fixed bit). It says a name, but encrypted, so that what DNS says of the address
/// speaks for nobody; who can't use it falls back to TCP, which can be read.
fn is_quic(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x40 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_has_ended_ran_what_its_twin_runs() {
        let script = |pid, args: &[&str]| Process {
            pid,
            executable: "/usr/bin/http".to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            ..Process::default()
        };
        let (ended, twin, other) =
            (script(u32::MAX, &["a"]), script(std::process::id(), &["a"]), script(1, &["b"]));
        let own = procfs::executable(std::process::id());
        assert!(own.is_some() && program_of_twin(&ended, &[&twin, &other]) == own);
        assert_eq!(program_of_twin(&ended, &[&other, &twin]), None, "it executed something in between");
    }

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
