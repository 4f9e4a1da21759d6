//! Files of cases from disk.

use std::path::{Path, PathBuf};

use super::rules;
use crate::text;
use interlock_core::{
    problem::{Problem, Problems},
    rule_test::Cases,
    rules::RuleSet,
};

/// Directories below a given one that are looked at.
const DEPTH_MAX: usize = 8;

/// The cases of files, and of directories with all that is below them. `rules` are those that the cases may name.
///
/// # Errors
/// Every problem of every file.
pub fn load(paths: &[impl AsRef<Path>], rules: &RuleSet) -> Result<Cases, Problems> {
    Cases::parse(&read(paths)?, rules)
}

/// Reads the given files, and every `*.yaml` below the given directories, in the order of their names.
///
/// # Errors
/// Every file that cannot be read, and a directory without cases.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<(PathBuf, String)>, Problems> {
    let (mut files, mut problems) = (Vec::new(), Problems::default());
    for path in paths.iter().map(AsRef::as_ref) {
        let mut found = Vec::new();
        collect(path, 0, &mut found, &mut problems);
        if found.is_empty() && problems.is_empty() {
            let mut problem = Problem::of_file(path.display().to_string(), "the directory holds no cases");
            problem.expected("at least one *.yaml file").hint("docs/rules.md shows how to write one");
            problems.push(problem);
        }
        files.append(&mut found);
    }
    let mut texts = Vec::with_capacity(files.len());
    for file in files {
        match rules::read(&file) {
            Ok(read) => texts.extend(read),
            Err(found) => problems.extend(found),
        }
    }
    problems.or(texts)
}

fn collect(path: &Path, depth: usize, found: &mut Vec<PathBuf>, problems: &mut Problems) {
    if !path.is_dir() {
        found.push(path.to_owned());
        return;
    }
    let name = path.display().to_string();
    if depth == DEPTH_MAX {
        problems.push(Problem::of_file(name, format!("the directory is {DEPTH_MAX} levels deep")));
        return;
    }
    let mut entries: Vec<PathBuf> = match path.read_dir() {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            problems.push(text::unreadable(path, &error));
            return;
        }
    };
    entries.sort();
    for entry in entries {
        let extension = entry.extension().and_then(|extension| extension.to_str());
        match extension {
            _ if entry.is_dir() => collect(&entry, depth + 1, found, problems),
            Some("yaml") => found.push(entry),
            Some("yml") => {
                let mut problem = Problem::of_file(entry.display().to_string(), "the name ends in .yml");
                problem.expected(".yaml").hint("rename the file, or it would be passed over");
                problems.push(problem);
            }
            _ => {}
        }
    }
}
