//! The program: built so that another folder and another day give the same bytes, and taken apart for who debugs it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{apt, process, repository::Repository};

/// Programs and their Debian packages.
const TOOLS: &[(&str, &str)] = &[
    ("dpkg-deb", "dpkg"),
    ("rpmbuild", "rpm"),
    ("objcopy", "binutils"),
    ("tar", "tar"),
    ("gzip", "gzip"),
    ("ldd", "libc-bin"),
    ("ssh-keygen", "openssh-client"),
    ("lintian", "lintian"),
    ("rpmlint", "rpmlint"),
    ("systemd-analyze", "systemd"),
];

/// Which program this is.
#[derive(Clone, Debug)]
pub struct Identity {
    pub version: String,
    /// Number of the packaging.
    pub number: u32,
    /// The commit, short; `-dirty` behind it where something is not committed.
    pub revision: String,
    /// Of the commit, seconds.
    pub date: i64,
    /// Of a program that somebody else built: packed quickly rather than small.
    pub is_trial: bool,
}

impl Identity {
    /// # Errors
    /// The checkout is no repository, or its manifest has no version.
    pub fn of(repository: &Repository, number: u32) -> Result<Self> {
        let git =
            |words: &[&str]| process::answer(Command::new("git").current_dir(repository.root()).args(words));
        let manifest = fs::read_to_string(repository.root().join("Cargo.toml"))?;
        let manifest: toml::Table = manifest.parse().context("Cargo.toml")?;
        let version =
            manifest["workspace"]["package"]["version"].as_str().context("no version in Cargo.toml")?;
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
        let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
        Ok(Self {
            version: version.to_owned(),
            number,
            revision: if changed { format!("{revision}-dirty") } else { revision },
            date: git(&["log", "-1", "--format=%ct"])?.parse().context("the commit's date")?,
            is_trial: false,
        })
    }

    /// The commit's date in UTC, by a format of strftime(3).
    ///
    /// # Errors
    /// It is beyond every calendar.
    pub fn date_as(&self, format: &str) -> Result<String> {
        let date = jiff::Timestamp::from_second(self.date).context("the commit's date")?;
        Ok(date.strftime(format).to_string())
    }
}

/// # Errors
/// Something is missing and cannot be installed.
pub fn ensure_tools() -> Result<()> {
    apt::ensure(TOOLS)
}

/// Builds the program; returns it.
///
/// # Errors
/// It does not build.
pub fn program(repository: &Repository, place: &Path, identity: &Identity) -> Result<PathBuf> {
    build_at(repository.root(), &place.join("build"), identity)
}

fn build_at(root: &Path, target: &Path, identity: &Identity) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let cargo = cargo.context("neither CARGO_HOME nor HOME says where crates are")?;
    // Paths of this machine stand in panics' messages otherwise; the build id is what debug information is found by.
    let flags = [
        format!("--remap-path-prefix={}=/usr/src/interlock", root.display()),
        format!("--remap-path-prefix={}=/usr/src/registry", cargo.join("registry/src").display()),
        "-Clink-arg=-Wl,--build-id=sha1".to_owned(),
    ];
    let mut command = tool("cargo", identity);
    command.current_dir(root).args(["build", "--quiet", "--release", "--locked", "--package", "interlock"]);
    // One program for the packages and the image; a node without a cluster has it switched off.
    command.args(["--features", "kubernetes", "--bin", "interlock", "--target-dir"]).arg(target);
    command
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("INTERLOCK_REVISION", &identity.revision);
    process::succeed(&mut command)?;
    Ok(target.join("release/interlock"))
}

/// The commit, cloned into another folder.
///
/// # Errors
/// git fails.
pub fn cloned(repository: &Repository, place: &Path) -> Result<Repository> {
    let sources = place.join("sources");
    let _ = fs::remove_dir_all(&sources); // of an earlier run
    process::answer(Command::new("git").args(["clone", "--quiet"]).arg(repository.root()).arg(&sources))?;
    Ok(Repository::at(&sources))
}

/// Runs a program with the date of what it makes in its environment, and without a locale of this machine's.
pub fn tool(program: &str, identity: &Identity) -> Command {
    let mut command = Command::new(program);
    command.env("SOURCE_DATE_EPOCH", identity.date.to_string()).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// The program without its debug information, and that beside it.
pub struct Program {
    pub stripped: PathBuf,
    pub debug: PathBuf,
    pub build_id: String,
}

impl Program {
    /// # Errors
    /// It has no build id, or cannot be taken apart.
    pub fn take_apart(built: &Path, stage: &Path, identity: &Identity) -> Result<Self> {
        fs::create_dir_all(stage)?;
        let (stripped, debug) = (stage.join("interlock"), stage.join("interlock.debug"));
        process::answer(
            tool("objcopy", identity)
                .args(["--only-keep-debug", "--compress-debug-sections"])
                .args([built, &debug]),
        )?;
        process::answer(tool("objcopy", identity).arg("--strip-all").args([built, &stripped]))?;
        let notes = process::answer(tool("readelf", identity).arg("--notes").arg(&stripped))?;
        let build_id = notes.lines().find_map(|line| line.trim().strip_prefix("Build ID: "));
        let Some(build_id) =
            build_id.filter(|id| id.len() > 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        else {
            bail!("{} has no build id: link it with --build-id=sha1", built.display());
        };
        Ok(Self { build_id: build_id.to_owned(), stripped, debug })
    }

    /// Where debuggers look.
    pub fn debug_place(&self) -> String {
        let (folder, file) = self.build_id.split_at(2);
        format!("usr/lib/debug/.build-id/{folder}/{file}.debug")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_each_format_wants_it() {
        let identity = Identity {
            version: "1.2.3".into(),
            number: 1,
            revision: "abc".into(),
            date: 1_796_097_886,
            is_trial: true,
        };
        for (format, expected) in [
            ("%a, %d %b %Y %H:%M:%S %z", "Tue, 01 Dec 2026 04:04:46 +0000"), // date --rfc-email
            ("%a %b %d %Y", "Tue Dec 01 2026"),
            ("%Y-%m-%dT%H:%M:%SZ", "2026-12-01T04:04:46Z"),
        ] {
            assert_eq!(identity.date_as(format).unwrap(), expected);
        }
    }
}
