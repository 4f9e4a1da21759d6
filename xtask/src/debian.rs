//! Debian packages, unpacked and never installed: a server's package would start its server on this machine.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::process;

/// Unpacks these packages below `root`, once for all runs.
///
/// # Errors
/// A package cannot be had; names it.
pub fn unpack(packages: &[String], root: &Path) -> Result<()> {
    let marker = |package: &String| root.join(".unpacked").join(package);
    let missing: Vec<&String> = packages.iter().filter(|package| version(package, root).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if process::find("apt-get").is_none() || process::find("dpkg-deb").is_none() {
        let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
        bail!("needs Debian's packages {}, and this is no Debian: no apt-get, no dpkg-deb", names.join(", "));
    }
    fs::create_dir_all(root.join(".unpacked"))
        .with_context(|| format!("{} cannot be made", root.display()))?;
    for package in missing {
        let version =
            get(package, root).with_context(|| format!("Debian's package {package} cannot be had"))?;
        fs::write(marker(package), version).context("no marker")?;
    }
    Ok(())
}

/// Which version of a package was unpacked.
pub fn version(package: &str, root: &Path) -> Option<String> {
    fs::read_to_string(root.join(".unpacked").join(package)).ok().filter(|version| !version.is_empty())
}

/// Returns its version.
fn get(package: &str, root: &Path) -> Result<String> {
    let place = tempfile::tempdir().context("no temporary directory")?;
    let download = || {
        process::answer(
            Command::new("apt-get").current_dir(place.path()).args(["--quiet", "download", package]),
        )
    };
    if download().is_err() {
        process::answer(Command::new("apt-get").args(["--quiet", "update"]))
            .context("the lists are too old")?;
        download()?;
    }
    let mut version = String::new();
    for file in fs::read_dir(place.path()).context("the download is gone")? {
        let file = file?.path();
        process::answer(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(root))?;
        version = process::answer(Command::new("dpkg-deb").arg("--field").arg(&file).arg("Version"))?;
    }
    Ok(version)
}
