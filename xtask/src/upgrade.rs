//! `cargo xtask upgrade`: builds an older daemon, and sees that this one takes over its pins, its state and what waits.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};

use crate::{
    process::{self, Echo},
    repository::Repository,
    suite,
};

#[derive(clap::Args)]
pub struct Options {
    /// The commit to come from
    #[arg(long, value_name = "COMMIT", default_value = "HEAD~1")]
    from: String,
}

/// # Errors
/// The older commit cannot be had or built, or a test fails.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    if !process::is_root() {
        return suite::run_as_root(repository);
    }
    let root = repository.root();
    let place = repository.target().join("upgrade");
    let sources = place.join("sources");
    check_out(root, &sources, &options.from)?;
    let cargo = |folder: &Path, words: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(folder).args(words);
        command
    };
    let built = place.join("build");
    let mut older = cargo(&sources, &["build", "--quiet", "--locked", "--release", "--package", "interlock"]);
    process::succeed(older.arg("--target-dir").arg(&built))?;
    process::succeed(&mut cargo(root, &["build", "--quiet", "--locked", "--workspace", "--bins"]))?;
    let mut test =
        cargo(root, &["test", "--quiet", "--locked", "--workspace", "--test", "daemon", "upgrade::"]);
    test.args(["--", "--test-threads", "1", "--show-output"]);
    let ended = process::capture(test.env("INTERLOCK_OLDER", built.join("release/interlock")), Echo::Silent)?;
    let report = suite::libtest::read(&ended.output);
    ensure!(ended.status.success() && report.tally.passed > 0, "{}", report.rest);
    ensure!(report.tally.skipped == 0, "left out: {:?}", report.reasons);
    println!("{}", report.tally);
    Ok(ExitCode::SUCCESS)
}

/// The files of a commit, without a repository around them.
fn check_out(root: &Path, sources: &Path, commit: &str) -> Result<()> {
    if sources.exists() {
        std::fs::remove_dir_all(sources)?;
    }
    std::fs::create_dir_all(sources)?;
    let archive = sources.with_extension("tar");
    let mut git = Command::new("git");
    process::succeed(git.current_dir(root).args(["archive", "--output"]).arg(&archive).arg(commit))?;
    process::succeed(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(sources))
}
