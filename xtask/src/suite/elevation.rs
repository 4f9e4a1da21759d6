//! From a person to root, by `sudo -n`.

use std::{
    env,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{process, repository::Repository};

/// sudo clears the environment; these tell root's cargo where the caller's tools are.
const KEPT: &[&str] =
    &["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_MANIFEST_DIR"];

/// Runs this program again with the same arguments as root, and returns its answer.
///
/// # Errors
/// sudo asks for a password, or is not there.
pub fn run_as_root(repository: &Repository) -> Result<ExitCode> {
    process::answer(Command::new("sudo").args(["-n", "true"]))
        .context("the kernel tests need root; run `sudo -v` first, or the whole as root")?;
    // As the caller, so that root leaves none of its files in the caller's cargo home.
    for manifest in ["Cargo.toml", "monitor-ebpf/Cargo.toml", "fuzz/Cargo.toml"] {
        repository.fetch(manifest)?;
    }
    let target = repository.target().join("as-root");
    eprintln!("not root: continuing through `sudo -n`, building in {}", target.display());

    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "env"]);
    for name in KEPT {
        if let Some(value) = env::var_os(name) {
            let mut word = std::ffi::OsString::from(format!("{name}="));
            word.push(value);
            sudo.arg(word);
        }
    }
    let mut word = std::ffi::OsString::from("CARGO_TARGET_DIR=");
    word.push(&target);
    sudo.arg(word).arg(env::current_exe().context("this program's own path is unknown")?);
    sudo.args(env::args_os().skip(1));
    let status = sudo.status().context("sudo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
