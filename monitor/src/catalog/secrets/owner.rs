//! Owner tools: programs for which reading a store is their work.
//!
//! A name proves nothing where an agent can write, so a tool counts only in the directories where it is installed. In the
//! user's own ones that is a convention, not a proof; `docs/catalogues.md` states the limit.

use std::collections::HashSet;

use globset::GlobSet;

use super::Secrets;
use crate::catalog::{
    command::Programs,
    path::{basename, normalise, tilde},
    reader::Reader,
};

#[derive(Debug)]
pub struct Owners {
    programs: Programs,
    /// Of an interpreter's `-m`.
    modules: HashSet<String>,
}

impl Owners {
    pub fn new(programs: Vec<String>, modules: Vec<String>) -> Self {
        Self { programs: Programs::new(programs), modules: modules.into_iter().collect() }
    }
}

/// Where owner tools are installed, and what runs scripts.
#[derive(Debug)]
pub struct Places {
    system: Vec<String>,
    user: GlobSet,
    interpreters: Programs,
}

impl Places {
    pub fn new(reader: &mut Reader, system: Vec<String>, user: &[String], interpreters: Vec<String>) -> Self {
        for directory in &system {
            if !directory.starts_with('/') || directory.len() < 2 {
                reader.problem(
                    0,
                    format!("system directory `{directory}`: expected an absolute path below `/`"),
                );
            }
        }
        let user = reader.globs(0, user.iter().map(|directory| format!("{directory}/**")));
        Self { system, user, interpreters: Programs::new(interpreters) }
    }

    fn contain(&self, path: &str, home: Option<&str>) -> bool {
        let below =
            |directory: &String| path.strip_prefix(directory.as_str()).is_some_and(|r| r.starts_with('/'));
        path.starts_with('/')
            && (self.system.iter().any(below)
                || self.user.is_match(path)
                || tilde(path, home).is_some_and(|path| self.user.is_match(path)))
    }
}

enum Script<'a> {
    File(&'a str),
    Module(&'a str),
}

/// What an interpreter was told to run. Options before the script could load other code, so they make it nobody's.
fn script(args: &[String]) -> Option<Script<'_>> {
    let first = args.get(1)?;
    if let Some(flags) = first.strip_prefix('-') {
        let module = !flags.starts_with('-') && flags.ends_with('m');
        return args.get(2).filter(|_| module).map(|name| Script::Module(name));
    }
    Some(Script::File(first))
}

impl Secrets {
    /// Whether the program is one of the entry's owner tools.
    ///
    /// `executable` is the program's path, `args` its arguments from the program's name on, `home` the session's home. A
    /// script (`python3 /usr/bin/aws`) is known by its own path.
    #[must_use]
    pub fn is_owner(&self, entry: u32, executable: &str, args: &[String], home: Option<&str>) -> bool {
        let Some(owners) = self.entry(entry).map(|entry| &entry.owners) else { return false };
        let installed = |path: &str| {
            let path = normalise(path);
            self.places.contain(&path, home) && owners.programs.contains(basename(&path))
        };
        if installed(executable) {
            return true;
        }
        let executable = normalise(executable);
        if !self.places.interpreters.contains(basename(&executable))
            || !self.places.contain(&executable, home)
        {
            return false;
        }
        match script(args) {
            Some(Script::File(path)) => installed(path),
            Some(Script::Module(name)) => owners.modules.contains(name),
            None => false,
        }
    }

    /// Whether the program is an interpreter whose libraries read the store unasked, as Python's `requests` does `~/.netrc`:
    /// such a read says little about what the program wants. A one-liner (`python3 -c`) and `python3 -m netrc` say it.
    #[must_use]
    pub fn reads_unasked(&self, entry: u32, executable: &str, args: &[String]) -> bool {
        let Some(entry) = self.entry(entry) else { return false };
        let name = basename(executable);
        let is = |known: &String| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == known,
        };
        let unasked = match script(args) {
            Some(Script::File(path)) => path != "-",
            Some(Script::Module(name)) => name != "netrc", // prints the file
            None => false,
        };
        entry.implicit.iter().any(is) && unasked
    }

    /// Whether the program asks for the entry's credentials for itself: an owner tool of it, or of a store of the kinds
    /// whose tools call others for their credentials.
    #[must_use]
    pub fn uses(&self, entry: u32, executable: &str, args: &[String], home: Option<&str>) -> bool {
        const CALLERS: [&str; 4] = ["container", "iac", "kubernetes", "vcs"];
        let calls =
            |number: &u32| self.entry(*number).is_some_and(|known| CALLERS.contains(&known.class.as_str()));
        let others = (0_u32..).zip(&self.entries).map(|(number, _)| number).filter(calls);
        std::iter::once(entry).chain(others).any(|number| self.is_owner(number, executable, args, home))
    }
}
