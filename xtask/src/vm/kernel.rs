//! The emulator and Debian's kernels, fetched where they are missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::process;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Series {
    #[value(name = "6.1")]
    V6_1,
    #[value(name = "6.12")]
    V6_12,
}

impl Series {
    /// Beginning of the names of Debian's packages.
    fn prefix(self) -> &'static str {
        match self {
            Self::V6_1 => "linux-image-6.1.",
            Self::V6_12 => "linux-image-6.12.",
        }
    }
}

/// Image of the newest kernel of the series, in a cache below `place`.
///
/// # Errors
/// A package is missing and cannot be had; names it.
pub fn ensure(place: &Path, series: Series) -> Result<PathBuf> {
    install(&[
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("busybox", "busybox-static"),
        ("dpkg-deb", "dpkg"),
    ])?;
    let cache = place.join(series.prefix());
    if let Some(image) = image_below(&cache) {
        return Ok(image);
    }
    let package = newest(series)?;
    eprintln!("fetching {package}");
    fs::create_dir_all(&cache).with_context(|| format!("{} cannot be made", cache.display()))?;
    process::answer(Command::new("apt-get").current_dir(&cache).args(["--quiet", "download", &package]))?;
    let archive =
        entries(&cache).into_iter().find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let archive = archive.with_context(|| format!("{package} was fetched and is not there"))?;
    process::succeed(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&cache))?;
    image_below(&cache).with_context(|| format!("{package} holds no kernel image"))
}

fn install(needed: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| process::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if process::find("apt-get").is_none() {
        bail!("{names} missing; install them (names are Debian's)");
    }
    eprintln!("installing {names}");
    process::answer(Command::new("apt-get").args(["--quiet", "update"])).context("no package lists")?;
    let mut command = Command::new("apt-get");
    command.args(["--quiet", "install", "--yes", "--no-install-recommends"]).args(&missing);
    process::answer(command.env("DEBIAN_FRONTEND", "noninteractive"))
        .with_context(|| format!("install {names}"))?;
    Ok(())
}

fn newest(series: Series) -> Result<String> {
    let search = || process::answer(Command::new("apt-cache").args(["pkgnames", series.prefix()]));
    let mut found = search()?;
    if found.trim().is_empty() {
        process::answer(Command::new("apt-get").args(["--quiet", "update"])).context("no package lists")?;
        found = search()?;
    }
    let cloud = |name: &&str| name.ends_with("-cloud-amd64");
    found
        .lines()
        .filter(cloud)
        .max_by_key(|name| numbers(name))
        .map(str::to_owned)
        .with_context(|| format!("apt offers no {}*-cloud-amd64", series.prefix()))
}

/// Every number in a package's name, for comparing versions.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn image_below(cache: &Path) -> Option<PathBuf> {
    let name =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    entries(&cache.join("boot")).into_iter().find(name)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let names = ["linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64"];
        assert_eq!(names.iter().max_by_key(|name| numbers(name)), Some(&names[1]));
    }
}
