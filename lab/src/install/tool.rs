//! The registries' tools.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs the npm clients; many want a newer one than distributions have.
pub const NODE: &str = "node@24.21.0";
/// Installs the Python clients.
pub const UV: &str = "uv==0.13.9";
/// Newest first; not every client installs on the very newest.
const PYTHONS: [&str; 3] = ["python3.12", "python3.11", "python3"];
/// Seconds for one installation.
const LIMIT: &str = "1200";
/// Lines of a tool's complaint that are kept.
const SHOWN: usize = 12;

/// Runs an installer to its end.
///
/// # Errors
/// It is missing, fails or takes too long; with the end of what it said.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut timed = Command::new("timeout");
    timed.arg(LIMIT).arg(command.get_program()).args(command.get_args());
    for (variable, value) in command.get_envs() {
        if let Some(value) = value {
            timed.env(variable, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        timed.current_dir(folder);
    }
    let output =
        timed.stdin(Stdio::null()).output().with_context(|| format!("`{name}` cannot be started"))?;
    if !output.status.success() {
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let end = lines.split_at(lines.len().saturating_sub(SHOWN)).1.join("\n");
        bail!("{name} failed ({}): {end}", output.status);
    }
    Ok(())
}

/// The Python that environments are made with.
///
/// # Errors
/// There is none.
pub fn python() -> Result<PathBuf> {
    // A version manager's stand-ins may be there and have nothing behind them.
    let works = |name: &str| {
        let program = "import os, sys; print(os.path.realpath(sys.executable))";
        let output = Command::new(name).args(["-c", program]).stderr(Stdio::null()).output().ok()?;
        let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        (output.status.success() && path.is_absolute()).then_some(path)
    };
    PYTHONS.iter().find_map(|name| works(name)).context("there is no Python 3")
}

/// The Python that agents are installed with: many of them need one that is newer than a distribution's.
///
/// # Errors
/// There is none.
pub fn python_for_agents() -> Result<PathBuf> {
    let kept = || {
        let versions = PathBuf::from(std::env::var_os("HOME")?).join(".pyenv/versions");
        let programs =
            std::fs::read_dir(versions).ok()?.flatten().map(|entry| entry.path().join("bin/python3.12"));
        programs.filter(|program| program.exists()).max()
    };
    match python()? {
        found if found.ends_with("python3.12") => Ok(found),
        older => Ok(kept().and_then(|path| path.canonicalize().ok()).unwrap_or(older)),
    }
}

/// The line of an installer's complaint that says why.
#[must_use]
pub fn reason(why: &str) -> &str {
    const REASONS: [&str; 7] = [
        "No matching version",
        "no version of",
        "ENOTFOUND",
        "Could not resolve",
        "failed to download",
        "Failed to build",
        "not available",
    ];
    let mut lines = why.lines().filter(|line| !line.contains("complete log"));
    let reason = why.lines().find(|line| REASONS.iter().any(|word| line.contains(word)));
    reason.or_else(|| lines.next_back()).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_reason_is_the_line_that_says_why() {
        let npm = "npm failed (exit status: 1): npm error code ETARGET\nnpm error No matching version found for x@1.\n\
                   npm error A complete log of this run can be found in: /root/.npm/_logs/1.log";
        assert_eq!(super::reason(npm), "npm error No matching version found for x@1.");
        assert_eq!(super::reason("go failed: first\nlast\nA complete log of this"), "last");
    }
}
