//! Where runners put what is their jobs' own.

use std::path::Path;

use globset::GlobSet;

use crate::{
    catalog::fields::{any, check_source, globs, placed},
    yaml::{Node, Report, Section},
};

/// Where one kind of runner puts them.
#[derive(Debug)]
pub struct Job {
    /// Directories above the workspaces of one runner.
    roots: GlobSet,
    files: Files,
}

#[derive(Debug)]
enum Files {
    /// In a directory of this name in the root.
    Directory(String),
    /// In the directory whose name is the workspace's with this at its end.
    Suffix(String),
}

pub fn read(file: &Section<'_>, report: &mut Report<'_>) -> Vec<Job> {
    file.items("jobs", report, job)
}

fn job(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Job> {
    let section = Section::open(node, path, &["roots", "directory", "suffix", "source"], report)?;
    check_source(&section, report);
    let roots = section.need_items("roots", report, placed);
    let roots = globs(&roots, report);
    let directory = section.read("directory", report, plain);
    let suffix = section.read("suffix", report, plain);
    if section.has("directory") == section.has("suffix") {
        let found =
            if section.has("suffix") { "found both directory and suffix" } else { "the files have no place" };
        report.add(section.at(), section.path(), found).expected("directory or suffix");
    }
    let files = directory.map(Files::Directory).or(suffix.map(Files::Suffix))?;
    Some(Job { roots, files })
}

fn plain(node: &Node, path: &str, report: &mut Report<'_>) -> Option<String> {
    let name = any(node, path, report)?;
    if name.is_empty() || name.contains(['/', '*']) {
        report.add(node.referenced, path, format!("found {name:?}")).expected("a name without a slash");
        return None;
    }
    Some(name)
}

impl Job {
    /// Whether the file is one of the job that works in `workspace`.
    pub fn owns(&self, path: &Path, workspace: &Path) -> bool {
        // The workspace itself is no root: a project may have any directories.
        workspace.ancestors().skip(1).filter(|root| self.roots.is_match(root)).any(|root| match &self.files {
            Files::Directory(name) => path.strip_prefix(root.join(name)).is_ok(),
            Files::Suffix(suffix) => {
                let mut directory = workspace.as_os_str().to_owned();
                directory.push(suffix);
                path.starts_with(Path::new(&directory))
            }
        })
    }
}
