//! The files as they will lie on the machine; every package is made of this one tree.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{build::Program, dependencies::Crates};
use crate::{process, repository::Repository};

/// Of the repository, and where they go. What ends in a slash is a folder; one that is not there is left out.
const FILES: &[(&str, &str)] = &[
    ("packaging/interlock.service", "usr/lib/systemd/system/interlock.service"),
    ("packaging/interlock-notify.service", "usr/lib/systemd/user/interlock-notify.service"),
    ("packaging/interlock.sysusers", "usr/lib/sysusers.d/interlock.conf"),
    ("packaging/interlock.tmpfiles", "usr/lib/tmpfiles.d/interlock.conf"),
    ("packaging/interlock.logrotate", "etc/logrotate.d/interlock"),
    ("packaging/config.toml", "etc/interlock/config.toml"),
    ("rules/default.yaml", "usr/share/interlock/rules/default.yaml"),
    ("rules/schema.json", "usr/share/interlock/rules/schema.json"),
    ("rules/catalog/", "usr/share/interlock/catalog/"),
    ("packaging/prometheus/", "usr/share/interlock/prometheus/"),
    ("packaging/grafana/", "usr/share/interlock/grafana/"),
    ("docs/schema/", "usr/share/interlock/schema/"),
    ("README.md", "usr/share/doc/interlock/README.md"),
    ("docs/operations.md", "usr/share/doc/interlock/operations.md"),
    ("docs/rules.md", "usr/share/doc/interlock/rules.md"),
    ("docs/threat-model.md", "usr/share/doc/interlock/threat-model.md"),
];

/// What people change, and every package keeps.
pub const CONFFILES: [&str; 2] = ["/etc/interlock/config.toml", "/etc/logrotate.d/interlock"];

const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/interlock"),
    ("zsh", "usr/share/zsh/vendor-completions/_interlock"),
    ("fish", "usr/share/fish/vendor_completions.d/interlock.fish"),
];

/// Lays the tree out at `root`, and returns that.
///
/// # Errors
/// A file cannot be copied, or the program does not write its manual.
pub fn lay_out(repository: &Repository, root: &Path, program: &Program, crates: &Crates) -> Result<PathBuf> {
    put(root, "usr/bin/interlock", &fs::read(&program.stripped)?, 0o755)?;
    for (from, to) in FILES {
        let from = repository.root().join(from);
        if !to.ends_with('/') {
            put(root, to, &fs::read(&from).with_context(|| format!("{}", from.display()))?, 0o644)?;
        } else if from.is_dir() {
            for file in fs::read_dir(&from)?.flatten().filter(|entry| entry.path().is_file()) {
                let name = file.file_name().to_string_lossy().into_owned();
                put(root, &format!("{to}{name}"), &fs::read(file.path())?, 0o644)?;
            }
        }
    }
    folder(root, "etc/interlock/config.d")?;
    let interlock = root.join("usr/bin/interlock");
    for (shell, to) in COMPLETIONS {
        let text = process::answer(Command::new(&interlock).args(["completions", shell]))?;
        put(root, to, format!("{text}\n").as_bytes(), 0o644)?;
    }
    let pages = root.join("usr/share/man/man1");
    process::answer(Command::new(&interlock).args(["--quiet", "man"]).arg(&pages))?;
    let pages: Vec<PathBuf> = fs::read_dir(&pages)?.flatten().map(|entry| entry.path()).collect();
    process::answer(Command::new("gzip").args(["--best", "--no-name"]).args(&pages))?;
    put(root, "usr/share/doc/interlock/THIRD-PARTY-LICENSES", crates.licences()?.as_bytes(), 0o644)?;
    set_modes(root)?;
    Ok(root.to_owned())
}

/// Writes a file of the tree, with the folders above it.
pub fn put(root: &Path, at: &str, content: &[u8], mode: u32) -> Result<()> {
    let path = root.join(at);
    folder(root, &Path::new(at).parent().unwrap_or(Path::new("")).display().to_string())?;
    fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn folder(root: &Path, at: &str) -> Result<()> {
    let path = root.join(at);
    fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))
}

/// Whatever this machine's umask says.
fn set_modes(root: &Path) -> Result<()> {
    process::answer(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(root)).map(drop)
}
