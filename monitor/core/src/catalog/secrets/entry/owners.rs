//! The programs for which reading a store is their work, as an entry lists them.

use std::collections::HashSet;

use crate::catalog::{command::Programs, path::basename, program::is_of_tool};

/// Owner tools of an entry.
#[derive(Debug)]
pub struct Owners {
    /// By base name.
    programs: Programs,
    /// Ends of paths, for programs whose base name says nothing: `wrangler-dist/cli.js`.
    ends: Vec<String>,
    /// Of an interpreter's `-m`.
    pub modules: HashSet<String>,
    /// By base name, where a project has them installed.
    of_projects: Programs,
}

impl Owners {
    pub fn new(programs: Vec<String>, modules: Vec<String>, of_projects: Vec<String>) -> Self {
        let (ends, programs): (Vec<_>, Vec<_>) = programs.into_iter().partition(|name| name.contains('/'));
        Self {
            programs: Programs::new(programs),
            ends,
            modules: modules.into_iter().collect(),
            of_projects: Programs::new(of_projects),
        }
    }

    /// A tool that projects bring along, where their package manager puts it. An agent can write there: an entry lists it
    /// only where nothing else would be the owner at all.
    pub fn is_of_a_project(&self, path: &str) -> bool {
        path.contains("/node_modules/") && self.of_projects.contains(basename(path))
    }

    pub fn name(&self, path: &str) -> bool {
        let is_end = |end: &String| path.strip_suffix(end.as_str()).is_some_and(|rest| rest.ends_with('/'));
        self.programs.contains(basename(path))
            || self.ends.iter().any(is_end)
            || is_of_tool(path, |tool| self.programs.lists(tool))
    }
}
