//! Where runners put what is their jobs' own.

use std::path::Path;

use globset::GlobSet;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::catalog::reader::Reader;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawJob {
    roots: Vec<String>,
    #[serde(default)]
    directory: Option<String>,
    #[serde(default)]
    suffix: Option<String>,
    source: String,
}

pub fn read(reader: &mut Reader, raw: Vec<Spanned<RawJob>>) -> Vec<Job> {
    raw.into_iter().filter_map(|job| read_one(reader, job)).collect()
}

fn read_one(reader: &mut Reader, job: Spanned<RawJob>) -> Option<Job> {
    let line = job.referenced.line();
    let RawJob { roots, directory, suffix, source } = job.value;
    if source.trim().is_empty() {
        reader.problem(line, "a job's files without a source; say where the fact is from");
    }
    let is_plain = |name: &String| !name.is_empty() && !name.contains(['/', '*']);
    let files = match (directory.filter(is_plain), suffix.filter(is_plain)) {
        (Some(directory), None) => Files::Directory(directory),
        (None, Some(suffix)) => Files::Suffix(suffix),
        _ => {
            reader.problem(line, "a job's files: expected `directory` or `suffix`, a name without a slash");
            return None;
        }
    };
    Some(Job { roots: reader.globs(line, &roots), files })
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
