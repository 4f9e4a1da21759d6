//! `fuzz/corpus/TARGET`: the inputs of a target that are kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub const FOLDER: &str = "fuzz/corpus";
/// Most inputs of a target, and most bytes of them all: what is kept is read by people and played in every run.
pub const FILES_MAX: usize = 60;
pub const BYTES_MAX: u64 = 64 << 10;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub path: PathBuf,
    pub bytes: u64,
}

impl Input {
    /// libFuzzer calls what it finds by its SHA-1; whoever writes one by hand says what it is.
    pub fn is_found(&self) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// The inputs in a folder in the order of their names; none where the folder is missing.
///
/// # Errors
/// The folder cannot be read.
pub fn inputs(folder: &Path) -> Result<Vec<Input>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let read = || -> std::io::Result<Vec<Input>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            found.push(Input { path: entry.path(), bytes: entry.metadata()?.len() });
        }
        Ok(found)
    };
    let mut found = read().with_context(|| format!("{} cannot be read", folder.display()))?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// What is wrong with a target's corpus by its size.
pub fn problem(target: &str, inputs: &[Input]) -> Option<String> {
    let bytes: u64 = inputs.iter().map(|input| input.bytes).sum();
    if inputs.is_empty() {
        return Some(format!("{target}: no corpus; put valid and invalid inputs into {FOLDER}/{target}"));
    }
    (inputs.len() > FILES_MAX || bytes > BYTES_MAX).then(|| {
        format!(
            "{target}: {} inputs of {bytes} bytes in {FOLDER}/{target}; at most {FILES_MAX} of {BYTES_MAX} are kept",
            inputs.len()
        )
    })
}

/// Corpora that belong to no target.
///
/// # Errors
/// The folder cannot be read.
pub fn strays(root: &Path, targets: &[String]) -> Result<Vec<String>> {
    let found = inputs(&root.join(FOLDER))?;
    let names = found.iter().map(|entry| entry.path.file_name().unwrap_or_default().to_string_lossy());
    let strays = names.filter(|name| !targets.iter().any(|target| target == name));
    Ok(strays.map(|name| format!("{name}: in {FOLDER}, and no target of fuzz/Cargo.toml")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, bytes: u64) -> Input {
        Input { path: PathBuf::from(FOLDER).join("dns").join(name), bytes }
    }

    #[test]
    fn a_corpus_has_inputs_and_is_small() {
        assert!(problem("dns", &[]).unwrap().contains("dns: no corpus"));
        assert_eq!(problem("dns", &vec![input("a", 1); FILES_MAX]), None);
        assert!(
            problem("dns", &vec![input("a", 1); FILES_MAX + 1]).unwrap().contains("61 inputs of 61 bytes")
        );
        assert!(problem("dns", &[input("a", BYTES_MAX + 1)]).is_some());
    }

    #[test]
    fn what_a_person_wrote_is_known_by_its_name() {
        assert!(!input("stream-of-two.tcp", 1).is_found());
        assert!(input("da39a3ee5e6b4b0d3255bfef95601890afd80709", 1).is_found());
    }

    #[test]
    fn a_corpus_without_a_target_is_told_and_a_target_without_one_has_no_inputs() {
        let root = tempfile::tempdir().unwrap();
        for name in ["dns", "smtp"] {
            fs::create_dir_all(root.path().join(FOLDER).join(name)).unwrap();
        }
        let strays = strays(root.path(), &["dns".to_owned(), "http".to_owned()]).unwrap();
        assert_eq!(strays, ["smtp: in fuzz/corpus, and no target of fuzz/Cargo.toml"]);
        assert_eq!(inputs(&root.path().join(FOLDER).join("http")).unwrap(), []);
    }
}
