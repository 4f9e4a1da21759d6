//! Fuzzing: what it finds is made small and joins the corpus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    corpus::{self, Input},
    programs::Programs,
};
use crate::repository::Repository;

/// Longest input, bytes: the longest record of the rings fits.
const INPUT_MAX: u32 = 12 << 10;

/// The two builds: one searches, the other counts.
pub struct Builds {
    pub fast: Programs,
    pub counting: Programs,
}

/// Fuzzes a target for so many seconds and keeps of its corpus and of what was found as little as reaches the same regions;
/// inputs that a person wrote all stay. Returns where the input lies that made it fail, if one did.
///
/// # Errors
/// The target cannot be run, or a folder cannot be written.
pub fn grow(repository: &Repository, builds: &Builds, target: &str, seconds: u64) -> Result<Option<String>> {
    let kept = repository.root().join(corpus::FOLDER).join(target);
    let scratch = repository.target().join("fuzz/grown").join(target);
    let artifacts = repository.root().join("fuzz/artifacts").join(target);
    let found = scratch.join("found");
    for folder in [&found, &artifacts, &kept] {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let options = [
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_MAX}"),
        format!("-artifact_prefix={}/", artifacts.display()),
    ];
    let ended = builds.fast.run(target, options, [&found, &kept])?;
    let failed = (!ended.status.success()).then(|| {
        format!(
            "{target}: {}; the input is in {}\n{}",
            ended.status,
            artifacts.display(),
            last(&ended.output)
        )
    });
    eprintln!("{target}: {}", last(&ended.output));

    let smallest = smallest(&builds.counting, target, &scratch, [&kept, &found])?;
    let all = corpus::inputs(&smallest)?;
    let (new, left_out) = fit(all);
    if left_out > 0 {
        eprintln!("{target}: {left_out} inputs were left out, the longest: they were too much");
    }
    for old in corpus::inputs(&kept)?.iter().filter(|input| input.is_found()) {
        fs::remove_file(&old.path).with_context(|| format!("{} cannot be removed", old.path.display()))?;
    }
    for input in new.iter().filter(|input| input.is_found()) {
        copy(input, &kept)?;
    }
    Ok(failed)
}

/// A folder of the inputs that people wrote, and of those of the others that reach something more.
fn smallest(counting: &Programs, target: &str, scratch: &Path, from: [&PathBuf; 2]) -> Result<PathBuf> {
    let folder = scratch.join("smallest");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    for input in corpus::inputs(from[0])?.iter().filter(|input| !input.is_found()) {
        copy(input, &folder)?;
    }
    // Which regions, not how often.
    let options = ["-set_cover_merge=1", "-use_counters=0"];
    let merged = counting.run(target, options, [&folder, from[0], from[1]])?;
    ensure!(merged.status.success(), "{target}: its inputs cannot be merged:\n{}", merged.output);
    Ok(folder)
}

/// As many as may be kept, those that people wrote and the short ones first; and how many may not.
fn fit(mut inputs: Vec<Input>) -> (Vec<Input>, usize) {
    inputs.sort_by_key(|input| (input.is_found(), input.bytes));
    let all = inputs.len();
    inputs.truncate(corpus::FILES_MAX);
    while inputs.iter().map(|input| input.bytes).sum::<u64>() > corpus::BYTES_MAX {
        inputs.pop();
    }
    let left_out = all - inputs.len();
    (inputs, left_out)
}

fn copy(input: &Input, folder: &Path) -> Result<()> {
    let name = input.path.file_name().unwrap_or_default();
    fs::copy(&input.path, folder.join(name))
        .with_context(|| format!("{} cannot be copied", input.path.display()))?;
    Ok(())
}

fn last(output: &str) -> &str {
    output.trim_end().lines().last().unwrap_or("it says nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_what_was_found_is_left_out() {
        let input = |name: String, bytes| Input { path: PathBuf::from(name), bytes };
        let written = input("by-hand.tls".to_owned(), corpus::BYTES_MAX - 10);
        let found = |bytes: u64| input(format!("{bytes:040x}"), bytes);
        let (kept, left_out) = fit(vec![found(7), found(4), written.clone(), found(5)]);
        assert_eq!((kept, left_out), (vec![written, found(4), found(5)], 1));
        let many = fit((1..=100).map(found).collect());
        assert_eq!((many.0.len(), many.1), (corpus::FILES_MAX, 40));
    }
}
