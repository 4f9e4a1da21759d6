//! Debian packages with what they need, unpacked and never installed: nothing of the system is changed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::tool;

/// Unpacks the package, and those of its dependencies that the system lacks, below `root`.
///
/// # Errors
/// One of them cannot be had.
pub fn unpack(name: &str, version: &str, root: &Path) -> Result<()> {
    let wanted = format!("{name}={version}");
    let simulated = Command::new("apt-get")
        .args(["install", "--simulate", "--no-install-recommends", "--reinstall", &wanted])
        .output()
        .context("this is no Debian: there is no apt-get")?;
    if !simulated.status.success() {
        bail!("apt-get does not know {wanted}: {}", String::from_utf8_lossy(&simulated.stderr).trim());
    }
    let packages = to_unpack(&String::from_utf8_lossy(&simulated.stdout));
    let downloads = root.join("downloads");
    fs::create_dir_all(&downloads).context("no place for downloads")?;
    for package in &packages {
        tool::run(Command::new("apt-get").current_dir(&downloads).args(["--quiet", "download", package]))?;
    }
    for file in fs::read_dir(&downloads).context("the downloads are gone")? {
        tool::run(Command::new("dpkg-deb").arg("--extract").arg(file?.path()).arg(root))?;
    }
    fs::remove_dir_all(downloads).context("the downloads cannot be removed")?;
    merge(root)
}

/// On a system today `/bin`, `/sbin` and `/lib` are below `/usr`, where the laboratory lays the package; older packages still
/// name them.
fn merge(root: &Path) -> Result<()> {
    for folder in ["bin", "sbin", "lib"].into_iter().filter(|folder| root.join(folder).is_dir()) {
        let place = root.join("usr").join(folder);
        fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
        tool::run(Command::new("cp").arg("--archive").arg(root.join(folder).join(".")).arg(place))?;
    }
    Ok(())
}

/// `NAME=VERSION` of each line `Inst NAME [OLD] (VERSION …)`.
fn to_unpack(simulated: &str) -> Vec<String> {
    let lines = simulated.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines
        .filter_map(|line| {
            let name = line.split(' ').next()?;
            let version = line.split_once('(')?.1.split(' ').next()?;
            Some(format!("{name}={version}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_apt_would_install_is_unpacked() {
        let text = "Reading package lists...\nInst libx [1.0] (1.1 Debian:12/stable [amd64])\n\
                    Inst x (2:3.4-1 Debian:12/stable [all])\nConf x (2:3.4-1 Debian:12/stable [all])\n";
        assert_eq!(super::to_unpack(text), ["libx=1.1", "x=2:3.4-1"]);
    }
}
