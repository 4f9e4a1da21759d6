//! Where programs are installed.

use globset::GlobSet;

use crate::catalog::{command::Programs, path::tilde, reader::Reader};

/// Where owner tools are installed, and what runs scripts.
#[derive(Debug)]
pub struct Places {
    system: Vec<String>,
    user: GlobSet,
    pub interpreters: Programs,
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

    /// Whether programs are installed where this path lies.
    pub fn contain(&self, path: &str, home: Option<&str>) -> bool {
        path.starts_with('/')
            && (self.is_systems(path)
                || self.user.is_match(path)
                || tilde(path, home).is_some_and(|path| self.user.is_match(path)))
    }

    /// Whether the path is where nobody but root puts programs.
    pub fn is_systems(&self, path: &str) -> bool {
        let below =
            |directory: &String| path.strip_prefix(directory.as_str()).is_some_and(|r| r.starts_with('/'));
        self.system.iter().any(below)
    }
}
