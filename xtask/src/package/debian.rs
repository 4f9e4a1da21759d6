//! The Debian package, by dpkg-deb, and the one with the debug information.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{
    build::{Identity, Program, tool},
    tree::{self, CONFFILES},
};
use crate::{process, repository::Repository};

pub const MAINTAINER: &str = "Interlock <interlock@users.noreply.github.com>";
pub const SUMMARY: &str = "circuit breaker for coding agents";
pub const DESCRIPTION: &[&str] = &[
    "Interlock watches coding agents from inside the kernel (eBPF) and holds the",
    "connection of one that has read a credential which is not its own, until a",
    "person has said yes or no.",
];
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

/// Returns the package.
///
/// # Errors
/// dpkg-deb refuses what it is given.
pub fn build(
    repository: &Repository,
    stage: &Path,
    tree: &Path,
    identity: &Identity,
    out: &Path,
) -> Result<PathBuf> {
    let root = stage.join("deb");
    copy(tree, &root)?;
    let of = repository.root().join("packaging/debian");
    for script in SCRIPTS {
        tree::put(&root, &format!("DEBIAN/{script}"), &fs::read(of.join(script))?, 0o755)?;
    }
    tree::put(&root, "DEBIAN/conffiles", format!("{}\n", CONFFILES.join("\n")).as_bytes(), 0o644)?;
    tree::put(&root, "usr/share/doc/interlock/copyright", copyright(repository)?.as_bytes(), 0o644)?;
    let overrides = fs::read(of.join("lintian-overrides"))?;
    tree::put(&root, "usr/share/lintian/overrides/interlock", &overrides, 0o644)?;
    changelog(&root, "usr/share/doc/interlock", "interlock", identity)?;
    let libraries = depends(&root.join("usr/bin/interlock"), stage)?;
    let more = format!(
        "Depends: {libraries}\nRecommends: dbus\nSuggests: prometheus, logrotate\nInstalled-Size: {}\n",
        size(&root)?
    );
    let described: String = DESCRIPTION.iter().map(|line| format!(" {line}\n")).collect();
    control(&root, "interlock", identity, &more, &format!("Description: {SUMMARY}\n{described}"))?;
    pack(&root, &format!("interlock_{}-{}_amd64.deb", identity.version, identity.number), identity, out)
}

/// # Errors
/// As [`build`].
pub fn build_debug(stage: &Path, program: &Program, identity: &Identity, out: &Path) -> Result<PathBuf> {
    let root = stage.join("deb-debug");
    tree::put(&root, &program.debug_place(), &fs::read(&program.debug)?, 0o644)?;
    let doc = root.join("usr/share/doc");
    fs::create_dir_all(&doc)?;
    std::os::unix::fs::symlink("interlock", doc.join("interlock-dbgsym"))?;
    let version = format!("{}-{}", identity.version, identity.number);
    let more = format!(
        "Depends: interlock (= {version})\nBuild-Ids: {}\nInstalled-Size: {}\nAuto-Built-Package: debug-symbols\n",
        program.build_id,
        size(&root)?
    );
    control(&root, "interlock-dbgsym", identity, &more, "Description: debug symbols for interlock\n")?;
    pack(&root, &format!("interlock-dbgsym_{version}_amd64.deb"), identity, out)
}

fn control(root: &Path, name: &str, identity: &Identity, more: &str, description: &str) -> Result<()> {
    let section = if name.ends_with("-dbgsym") { "debug" } else { "admin" };
    let (version, number) = (&identity.version, identity.number);
    let text = format!(
        "Package: {name}\nVersion: {version}-{number}\nArchitecture: amd64\nMaintainer: {MAINTAINER}\n\
         Section: {section}\nPriority: optional\n{more}{description}"
    );
    tree::put(root, "DEBIAN/control", text.as_bytes(), 0o644)?;
    let sums = "find . -path ./DEBIAN -prune -o -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' md5sum > DEBIAN/md5sums";
    process::answer(Command::new("sh").current_dir(root).args(["-c", sums]))?;
    process::answer(Command::new("chmod").arg("0644").arg(root.join("DEBIAN/md5sums"))).map(drop)
}

fn pack(root: &Path, name: &str, identity: &Identity, out: &Path) -> Result<PathBuf> {
    let file = out.join(name);
    // dpkg-deb sorts, and takes no time later than SOURCE_DATE_EPOCH; whatever is earlier is this machine's.
    touch(root, identity)?;
    let mut command = tool("dpkg-deb", identity);
    // With several threads the bytes depend on how many there are.
    let compression: &[&str] =
        if identity.is_trial { &["-Zgzip", "-z1"] } else { &["-Zxz", "--threads-max=1"] };
    command.arg("--root-owner-group").args(compression).arg("--build").arg(root).arg(&file);
    process::answer(&mut command)?;
    Ok(file)
}

/// Gives everything the date of the commit.
pub fn touch(root: &Path, identity: &Identity) -> Result<()> {
    let date = format!("@{}", identity.date);
    process::answer(Command::new("find").arg(root).args([
        "-exec",
        "touch",
        "--no-dereference",
        "--date",
        &date,
        "{}",
        "+",
    ]))
    .map(drop)
}

/// What the program is linked with, as dpkg-shlibdeps would say it of a program built on this machine.
fn depends(program: &Path, stage: &Path) -> Result<String> {
    // It wants to stand in a source package.
    let place = stage.join("shlibdeps");
    tree::put(
        &place,
        "debian/control",
        b"Source: interlock\n\nPackage: interlock\nArchitecture: any\n",
        0o644,
    )?;
    let mut command = Command::new("dpkg-shlibdeps");
    let said =
        process::answer(command.current_dir(&place).args(["-O", "--ignore-missing-info"]).arg(program));
    let libraries = said.ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("shlibs:Depends=").map(str::to_owned))
    });
    // Without dpkg-dev: what every Rust program of this toolchain needs.
    let libraries = libraries.unwrap_or_else(|| "libc6 (>= 2.34), libgcc-s1 (>= 4.2)".to_owned());
    Ok(format!("{libraries}, init-system-helpers (>= 1.54~)"))
}

fn copyright(repository: &Repository) -> Result<String> {
    let text = |name: &str| {
        fs::read_to_string(repository.root().join(name)).with_context(|| format!("{name} cannot be read"))
    };
    let indented = |text: &str| {
        let line = |line: &str| if line.is_empty() { " .".to_owned() } else { format!(" {line}") };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let mit = indented(&text("LICENSE-MIT")?);
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: interlock\n\n\
         Files: *\nCopyright: 2026 The Interlock contributors\nLicense: MIT or Apache-2.0\n\n\
         License: MIT\n{mit}\n\nLicense: Apache-2.0\n On Debian systems, the full text is in\n \
         /usr/share/common-licenses/Apache-2.0.\n\nComment:\n The licences of the crates that are linked in are in\n \
         /usr/share/doc/interlock/THIRD-PARTY-LICENSES.\n"
    ))
}

fn changelog(root: &Path, place: &str, name: &str, identity: &Identity) -> Result<()> {
    let date = identity.date_as("%a, %d %b %Y %H:%M:%S %z")?;
    let text = format!(
        "{name} ({}-{}) unstable; urgency=medium\n\n  * Revision {}; CHANGELOG.md of the sources says what changed.\n\n \
         -- {MAINTAINER}  {date}\n",
        identity.version, identity.number, identity.revision
    );
    tree::put(root, &format!("{place}/changelog.Debian"), text.as_bytes(), 0o644)?;
    process::answer(
        Command::new("gzip").args(["--best", "--no-name"]).arg(root.join(place).join("changelog.Debian")),
    )
    .map(drop)
}

/// KiB.
fn size(root: &Path) -> Result<u64> {
    let said = process::answer(
        Command::new("du").args(["--apparent-size", "--summarize", "--block-size=1024"]).arg(root),
    )?;
    said.split_whitespace().next().and_then(|number| number.parse().ok()).context("du says no number")
}

/// Copies a tree as it is.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    process::answer(Command::new("cp").args(["--archive", "--no-target-directory"]).arg(from).arg(to))
        .map(drop)
}
