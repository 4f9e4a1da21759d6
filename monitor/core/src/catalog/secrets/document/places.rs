//! Where programs are installed.

use globset::GlobSet;

use crate::{
    catalog::{
        command::Programs,
        fields::{Placed, any, globs, written},
        path::tilde,
    },
    yaml::{Node, Report, Section},
};

/// Where owner tools are installed, and what runs scripts.
#[derive(Debug)]
pub struct Places {
    system: Vec<String>,
    user: GlobSet,
    pub interpreters: Programs,
}

impl Places {
    pub fn read(file: &Section<'_>, interpreters: Vec<String>, report: &mut Report<'_>) -> Self {
        let below = |place: Placed| Placed { value: format!("{}/**", place.value), ..place };
        let user: Vec<Placed> = written(file, "user_directories", report).into_iter().map(below).collect();
        Self {
            system: file.items("system_directories", report, system),
            user: globs(&user, report),
            interpreters: Programs::new(interpreters),
        }
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

fn system(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let text = any(node, path, report)?;
    if !text.starts_with('/') || text.len() < 2 {
        let problem = report.add(node.referenced, path, format!("found {text:?}"));
        problem.expected("an absolute path below /");
    }
    Some(text)
}
