//! A look at a process, where how it was started does not tell what it is: links, scripts that are executed by name,
//! titles that programs write over their arguments. Each look reads a bounded amount, and only what the process can read.

use std::{
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};

use super::{
    aside,
    descriptors::{self, Bounds},
    procfs,
};
use interlock_core::{
    catalog::{basename, imported},
    recognition::detection::Seen,
};

/// Bytes of a script that are read: what installers write says in its first lines where the work is done.
const SCRIPT: u64 = 4096;
/// Bytes of the list of mappings, and descriptors, that are looked at.
const MAPS: u64 = 256 * 1024;
const DESCRIPTORS: usize = 256;
const DESCRIPTORS_SPAN: Duration = Duration::from_millis(20);

/// What was seen of a process.
#[derive(Debug, Default)]
pub struct Sight {
    file: Option<String>,
    modules: Vec<String>,
    holds: Vec<String>,
}

impl Sight {
    /// Where the links of the program's name lead; one call of the kernel.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self { file: procfs::executable(pid), ..Self::default() }
    }

    /// Whether the program's file has another name than it was executed by.
    #[must_use]
    pub fn leads_elsewhere(&self, executable: &str) -> bool {
        self.file.as_deref().is_some_and(|file| basename(file) != basename(executable))
    }

    /// Reads the script that it runs. Fails open where it cannot be read: the name alone tells then.
    #[must_use]
    pub fn with_script(mut self, pid: u32, script: Option<&str>) -> Self {
        let script = script.map(PathBuf::from);
        let text = script.and_then(|script| aside::look(move || head(pid, &script))?);
        self.modules = text.map(|text| imported(&text)).unwrap_or_default();
        self
    }

    /// Lists what it was started as, by its environment, and what it maps and holds open.
    #[must_use]
    pub fn with_holdings(mut self, pid: u32, env: &[(String, String)]) -> Self {
        let started_as = env.iter().filter(|(name, _)| name == "_").map(|(_, path)| path);
        for path in started_as {
            let inside = procfs::living(pid).join("root");
            let inside = inside.join(path.trim_start_matches('/'));
            let real = aside::look(move || inside.canonicalize().ok()).flatten();
            self.holds.extend(real.map(|real| real.to_string_lossy().into_owned()));
            self.holds.push(path.clone());
        }
        // Waits for whoever changes the process's mappings.
        self.holds.extend(aside::look(move || mapped(pid)).unwrap_or_default());
        self.holds.extend(opened(pid));
        self
    }

    #[must_use]
    pub fn seen(&self) -> Seen<'_> {
        Seen { file: self.file.as_deref(), modules: &self.modules, holds: &self.holds }
    }
}

/// The beginning of a file as the process finds it. Only a regular file is read, and nobody is waited for.
fn head(pid: u32, path: &Path) -> Option<String> {
    let from = if path.is_absolute() { "root" } else { "cwd" };
    let directory = procfs::living(pid).join(from);
    let directory =
        openat(rustix::fs::CWD, &directory, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Absolute links lead where they lead the process, and not into the daemon's own tree.
    let resolve = if path.is_absolute() { ResolveFlags::IN_ROOT } else { ResolveFlags::empty() };
    let file: OwnedFd = openat2(&directory, path, flags, Mode::empty(), resolve).ok()?;
    let file = File::from(file);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    text(file, SCRIPT)
}

fn text(file: File, most: u64) -> Option<String> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Files that it has mapped, each once (proc_pid_maps(5)).
fn mapped(pid: u32) -> Vec<String> {
    let maps = File::open(procfs::living(pid).join("maps")).ok().and_then(|file| text(file, MAPS));
    let mut files: Vec<String> = maps
        .iter()
        .flat_map(|maps| maps.lines())
        .filter_map(|line| Some(line.get(line.find('/')?..)?.to_owned()))
        .collect();
    files.dedup();
    files
}

/// Files that it holds open.
fn opened(pid: u32) -> Vec<String> {
    let mut bounds = Bounds::new(DESCRIPTORS, DESCRIPTORS_SPAN);
    let links = descriptors::links(pid, &mut bounds).map(|(_, target)| target);
    links.filter(|path| path.is_absolute()).map(|path| path.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_process_is_seen_by_its_file_its_mappings_and_its_descriptors() {
        let own = std::process::id();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("session.jsonl");
        let kept = File::create(&path).unwrap();
        let sight = Sight::of(own).with_holdings(own, &[("_".into(), "/bin/../bin/sh".into())]);
        let seen = sight.seen();
        assert!(seen.file.unwrap().starts_with('/'));
        let holds = |end: &str| seen.holds.iter().any(|held| held.ends_with(end));
        assert!(holds("/session.jsonl") && holds(seen.file.unwrap()) && holds("/bin/sh"), "{:?}", seen.holds);
        drop(kept);
    }

    #[test]
    fn a_scripts_beginning_is_read_and_nothing_that_could_make_a_reader_wait() {
        let own = std::process::id();
        let place = tempfile::tempdir().unwrap();
        let script = place.path().join("hermes");
        fs::write(&script, "#!/usr/bin/python3\nfrom hermes_cli.main import main\n").unwrap();
        let modules = |path: &Path| Sight::default().with_script(own, path.to_str()).seen().modules.to_vec();
        assert_eq!(modules(&script), ["-m hermes_cli.main"]);
        let pipe = place.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(modules(&pipe).is_empty() && modules(&place.path().join("none")).is_empty());
    }
}
