//! Rules files from disk.

use std::path::{Path, PathBuf};

use super::shipped::Shipped;
use crate::text;
use interlock_core::{
    problem::{Problem, Problems},
    rules::RuleSet,
};

/// Largest rules file, bytes.
const MAX_FILE: u64 = 1 << 20;

/// Most files of a directory.
const MAX_FILES: usize = 256;

/// The rules of `path`, which extend those that are shipped; these alone if there is none.
///
/// # Errors
/// As [`load`].
pub fn configured(path: Option<&Path>, shipped: &Shipped) -> Result<RuleSet, Problems> {
    path.map_or_else(|| RuleSet::base(shipped.rules()), |path| load(path, shipped))
}

/// Loads one file, or every `*.yaml` of a directory in the order of their names.
///
/// # Errors
/// All problems of all files; nothing is loaded where there is one.
pub fn load(path: &Path, shipped: &Shipped) -> Result<RuleSet, Problems> {
    RuleSet::parse_on(shipped.rules(), &read(path)?)
}

/// Reads one file, or the `*.yaml` files of a directory in the order of their names. Hidden names are passed over.
///
/// # Errors
/// Every file that cannot be read or is not text, a directory without rules, a `.yml` that would be passed over.
pub fn read(path: &Path) -> Result<Vec<(PathBuf, String)>, Problems> {
    let mut problems = Problems::default();
    let paths = list(path, &mut problems);
    let files = paths.into_iter().filter_map(|path| match text::read(&path, MAX_FILE) {
        Ok(text) => Some((path, text)),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    });
    let files = files.collect();
    problems.or(files)
}

fn list(path: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut paths = match text::visible(path) {
        Ok(paths) => paths,
        Err(error) => {
            problems.push(text::unreadable(path, &error));
            return Vec::new();
        }
    };
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yml")) {
        let mut problem = Problem::of_file(path.display().to_string(), "the name ends in .yml");
        problem.expected(".yaml").hint("rename the file, or it would be passed over");
        problems.push(problem);
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    if paths.is_empty() && problems.is_empty() {
        let mut problem = Problem::of_file(path.display().to_string(), "the directory holds no rules");
        problem.expected("at least one *.yaml file");
        problem.hint("remove the directory to use the built-in rules");
        problems.push(problem);
    }
    if paths.len() > MAX_FILES {
        let message = format!("found {} files; at most {MAX_FILES} are read", paths.len());
        problems.push(Problem::of_file(path.display().to_string(), message));
        paths.clear();
    }
    paths
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["20-b.yaml", "10-a.yaml", ".hidden.yaml", "README.md"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        let files = read(dir.path()).unwrap();
        assert_eq!(
            files.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["10-a.yaml", "20-b.yaml"]
        );
    }

    #[test]
    fn every_unreadable_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), b"version: 1\n# \xff\n").unwrap();
        fs::write(dir.path().join("b.yml"), b"").unwrap();
        fs::create_dir(dir.path().join("c.yaml")).unwrap();
        let problems = read(dir.path()).unwrap_err();
        let text = problems.to_string();
        assert_eq!(problems.len(), 3, "{text}");
        assert!(text.contains("a.yaml:2:3: found bytes that are not UTF-8"), "{text}");
        assert!(text.contains("b.yml: the name ends in .yml"), "{text}");
        assert!(text.contains("c.yaml: this is no regular file"), "{text}");
    }

    #[test]
    fn an_empty_directory_and_a_missing_path_are_problems() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap_err().to_string().contains("holds no rules"));
        assert!(read(&dir.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
    }
}
