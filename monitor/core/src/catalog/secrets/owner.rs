//! Owner tools: programs for which reading a store is their work.
//!
//! A name proves nothing where an agent can write, so a tool counts only in the directories where it is installed. In the
//! user's own ones that is a convention, not a proof; `docs/catalogues.md` states the limit. Nor is a tool an owner that
//! is told to do something else with its store: an interpreter with a script, `aws` with the path of its credentials.

use super::{entry::owners::Owners, set::Secrets};
use crate::catalog::{
    interpreter::{Target, target},
    path::{basename, normalise, tilde},
};

/// Whether an argument is the path, or a directory between it and the home; `path` is normalised.
pub fn names(arg: &str, path: &str, home: Option<&str>) -> bool {
    let named = normalise(arg.trim_start_matches('@').trim_start_matches("file://"));
    let is_end_of = |rest: &str| rest.ends_with('/');
    if named.starts_with('/') {
        let is_below_home = tilde(&named, home).is_some();
        return named == path
            || (is_below_home && path.strip_prefix(&named).is_some_and(|rest| rest.starts_with('/')));
    }
    // Relative to a directory that is not known here; a bare `config.json` may be any.
    (named.starts_with('.') || named.contains('/')) && path.strip_suffix(&named).is_some_and(is_end_of)
}

impl Secrets {
    /// Whether the path is where nobody but root puts programs.
    #[must_use]
    pub fn is_systems_place(&self, path: &str) -> bool {
        self.places.is_systems(path)
    }

    /// Whether the program is one of the entry's owner tools.
    ///
    /// `executable` is the program's path, `args` its arguments from the program's name on, `home` the session's home. A
    /// script (`python3 /usr/bin/aws`) is known by its own path.
    #[must_use]
    pub fn is_owner(&self, entry: u32, executable: &str, args: &[String], home: Option<&str>) -> bool {
        self.is_owner_beside(entry, executable, args, home, None)
    }

    /// The same, where `environment` is one more directory that tools are installed in: of an interpreter's own
    /// packages, by whatever name.
    #[must_use]
    pub fn is_owner_beside(
        &self,
        entry: u32,
        executable: &str,
        args: &[String],
        home: Option<&str>,
        environment: Option<&str>,
    ) -> bool {
        self.entry(entry).is_some_and(|entry| self.runs(&entry.owners, executable, args, home, environment))
    }

    /// Whether the program is one of `owners`, and installed where such tools are, or in `environment`.
    pub(super) fn runs(
        &self,
        owners: &Owners,
        executable: &str,
        args: &[String],
        home: Option<&str>,
        environment: Option<&str>,
    ) -> bool {
        let below = |path: &str| {
            let rest = environment.and_then(|environment| path.strip_prefix(environment));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let installed = |path: &str| {
            let path = normalise(path);
            let is_placed = self.places.contain(&path, home) || below(&path);
            (is_placed && owners.name(&path)) || owners.is_of_a_project(&path)
        };
        let executable = normalise(executable);
        let Some(name) = self.places.interpreters.known(basename(&executable)) else {
            return installed(&executable);
        };
        // A shell with its history is an owner while a person talks to it; what it is told to run is somebody else.
        match target(name, args) {
            Target::Nothing => installed(&executable),
            Target::File(path) => self.places.contain(&executable, home) && installed(path),
            Target::Module(module) => {
                self.places.contain(&executable, home) && owners.modules.contains(module)
            }
            Target::Code(_) | Target::Prepared(_) => false,
        }
    }

    /// Whether programs are installed where this one lies.
    #[must_use]
    pub fn is_installed(&self, path: &str, home: Option<&str>) -> bool {
        self.places.contain(path, home)
    }

    /// Whether the program's arguments name the file, or a directory of the store around it, where its owners never need
    /// to be told: `aws s3 cp ~/.aws/credentials s3://…`, `git diff --no-index … ~/.git-credentials`.
    ///
    /// The value of an option such as `--config` or `--key-file` only tells a tool where its own store is.
    #[must_use]
    pub fn is_handed(&self, entry: u32, path: &str, args: &[String], home: Option<&str>) -> bool {
        if !self.entry(entry).is_some_and(|entry| entry.unnamed) {
            return false;
        }
        let path = normalise(path);
        args.windows(2).any(|pair| {
            let [before, arg] = pair else { return false };
            let is_its_own_place =
                before.starts_with("--") && (before.contains("config") || before.contains("file"));
            !is_its_own_place && names(arg, &path, home)
        })
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
