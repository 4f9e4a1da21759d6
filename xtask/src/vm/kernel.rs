//! Debian's kernels, newest of a series, in a cache.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use super::debian::Debian;
use crate::process;

/// Kernels that Interlock is tried on, by the beginning of their version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Series {
    #[value(name = "6.1")]
    V6_1,
    #[value(name = "6.12")]
    V6_12,
    #[value(name = "7")]
    V7,
}

impl Series {
    pub fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::V7 => "7",
        }
    }

    /// Where Debian has it.
    fn suites(self) -> &'static [&'static str] {
        match self {
            Self::V6_1 | Self::V6_12 => &["bookworm", "bookworm-security"],
            Self::V7 => &["trixie-backports"],
        }
    }
}

/// An unpacked kernel.
pub struct Kernel {
    /// What the emulator boots.
    pub image: PathBuf,
    /// Its version, as `uname -r` says it.
    pub release: String,
    root: PathBuf,
}

impl Kernel {
    /// Where it is unpacked; its modules are in `lib/modules/RELEASE` there.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn modules(&self) -> PathBuf {
        self.root.join("lib/modules").join(&self.release)
    }
}

/// The newest kernel of the series, from a cache below `place`, which is filled where it is empty.
///
/// # Errors
/// Debian's archive cannot be had, or has no such kernel.
pub fn ensure(place: &Path, series: Series) -> Result<Kernel> {
    let cache = place.join(format!("kernel-{}", series.name()));
    if let Some(kernel) = below(&cache) {
        return Ok(kernel);
    }
    let debian = Debian::of(place, series.suites())?;
    let offered = debian.packages(&format!("^linux-(image|binary|modules)-{}\\.", series.name()))?;
    let packages = newest(&offered).with_context(|| {
        format!("Debian's {} offer no linux-image-{}*-cloud-amd64", series.suites().join(", "), series.name())
    })?;
    let _ = fs::remove_dir_all(&cache); // an earlier attempt that was ended
    fs::create_dir_all(&cache).with_context(|| format!("{} cannot be made", cache.display()))?;
    for package in &packages {
        eprintln!("fetching {package}");
        let archive = debian.fetch(package)?;
        process::succeed(Command::new("dpkg-deb").arg("-x").arg(archive).arg(&cache))?;
    }
    if !cache.join("lib").exists() {
        symlink("usr/lib", cache.join("lib")).context("link of lib")?; // as systems have it, and newer packages expect
    }
    let Some(kernel) = below(&cache) else {
        bail!("{} hold no kernel image with its modules", packages.join(", "))
    };
    let packed = "find \"$1\" -name '*.ko.xz' -exec xz --decompress {} +";
    process::answer(Command::new("sh").args(["-c", packed, "sh"]).arg(kernel.modules()))?;
    Ok(kernel)
}

/// The packages of the newest release that are needed to boot it. Debian has image and modules in one package
/// (`linux-image-R`) or in two (`linux-binary-R`, `linux-modules-R`), of which one may not have arrived yet.
fn newest(offered: &[String]) -> Option<Vec<String>> {
    let is_offered = |name: &String| offered.contains(name);
    let packages_of = |release: &str| {
        let [image, binary, modules] =
            ["image", "binary", "modules"].map(|kind| format!("linux-{kind}-{release}"));
        match (is_offered(&binary), is_offered(&modules)) {
            (true, true) => Some(vec![binary, modules]),
            (false, false) if is_offered(&image) => Some(vec![image]),
            _ => None,
        }
    };
    let releases = offered.iter().filter_map(|name| name.splitn(3, '-').nth(2));
    let cloud = releases.filter(|release| release.ends_with("-cloud-amd64"));
    let bootable = cloud.filter_map(|release| Some((numbers(release), packages_of(release)?)));
    bootable.max_by(|one, other| one.0.cmp(&other.0)).map(|(_, packages)| packages)
}

/// Every number in a release, for comparing versions.
fn numbers(release: &str) -> Vec<u64> {
    release.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// The unpacked kernel: its image is in `/boot`, or beside its modules.
fn below(cache: &Path) -> Option<Kernel> {
    let releases = fs::read_dir(cache.join("lib/modules")).into_iter().flatten().flatten();
    releases.filter_map(|entry| entry.file_name().into_string().ok()).find_map(|release| {
        let places = [format!("boot/vmlinuz-{release}"), format!("lib/modules/{release}/vmlinuz")];
        let image = places.iter().map(|place| cache.join(place)).find(|image| image.is_file())?;
        Some(Kernel { image, release, root: cache.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_of(offered: &[&str]) -> Option<Vec<String>> {
        newest(&offered.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let [old, new] = ["linux-image-6.12.9+deb12-cloud-amd64", "linux-image-6.12.117+deb12-cloud-amd64"];
        let offered = [new, old, "linux-image-6.12.200+deb12-amd64", "linux-image-6.12.201-cloud-amd64-dbg"];
        assert_eq!(newest_of(&offered), Some(vec![new.to_owned()]));
    }

    #[test]
    fn a_release_in_two_packages_needs_both() {
        let [binary, modules] = ["linux-binary-7.2.9-cloud-amd64", "linux-modules-7.2.9-cloud-amd64"];
        let offered = [binary, "linux-image-7.2.9-cloud-amd64", "linux-modules-7.3.4-cloud-amd64", modules];
        assert_eq!(newest_of(&offered), Some(vec![binary.to_owned(), modules.to_owned()]));
        assert_eq!(newest_of(&offered[2..3]), None);
    }
}
