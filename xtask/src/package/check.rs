//! Looks at what was made.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};

use super::{dependencies::sha256, sealing::SUMS};
use crate::process::{self, Echo};

/// Of systemd-analyze, times ten. What is above 3.0 stands in the unit, with its reason.
const EXPOSURE: u32 = 56;

/// Errors of rpmlint's that are meant, and why.
const MEANT: [(&str, &str); 3] = [
    ("non-standard-dir-perm /var/lib/interlock 700", "what is decided names files of every user"),
    (
        "no-signature",
        "SHA256SUMS is signed; an RPM's own signature is by the key of a repository that offers it",
    ),
    ("shared-library-without-dependency-information", "debug information has sections without content"),
];

/// # Errors
/// A tool finds something.
pub fn all(tree: &Path, out: &Path) -> Result<()> {
    units(tree)?;
    let of = |ending: &str| -> Result<Vec<_>> {
        let files = fs::read_dir(out)?.flatten().map(|entry| entry.path());
        Ok(files.filter(|file| file.extension().is_some_and(|found| found == ending)).collect())
    };
    // Its tags are errors (E) and warnings (W); the tool ends with 2 where there is one of these.
    process::answer(
        Command::new("lintian")
            .args(["--fail-on", "error", "--no-tag-display-limit", "--allow-root"])
            .args(of("deb")?),
    )
    .map(|said| eprintln!("{said}"))?;
    let said = process::capture(Command::new("rpmlint").args(of("rpm")?), Echo::Silent)?.output;
    let is_meant = |line: &str| MEANT.iter().any(|(tag, _)| line.contains(&format!(": E: {tag}")));
    let errors: Vec<&str> = said.lines().filter(|line| line.contains(": E: ") && !is_meant(line)).collect();
    eprintln!("{}", said.trim_end());
    ensure!(errors.is_empty(), "rpmlint:\n{}", errors.join("\n"));
    ensure!(said.contains("packages and 0 specfiles checked"), "rpmlint did not come to its end");
    process::answer(Command::new("sha256sum").current_dir(out).args(["--check", "--quiet", SUMS])).map(drop)
}

/// The units, as systemd reads them.
///
/// # Errors
/// It says anything, or the daemon's may do more than it did.
pub fn units(tree: &Path) -> Result<()> {
    let system = tree.join("usr/lib/systemd/system/interlock.service");
    let user = tree.join("usr/lib/systemd/user/interlock-notify.service");
    for (unit, scope) in [(&system, "--system"), (&user, "--user")] {
        // The program that it names has to be there.
        let text = fs::read_to_string(unit)?
            .replace("/usr/bin/interlock", &tree.join("usr/bin/interlock").display().to_string());
        let place = tree.with_file_name("units");
        fs::create_dir_all(&place)?;
        let copy = place.join(unit.file_name().unwrap_or_default());
        fs::write(&copy, text)?;
        let mut command = Command::new("systemd-analyze");
        command.args([scope, "--man=no", "--recursive-errors=no", "verify"]).arg(&copy);
        // A user's manager wants to know where its sockets would be.
        let ended = process::capture(command.env("XDG_RUNTIME_DIR", &place), Echo::Silent)?;
        ensure!(
            ended.status.success() && ended.output.trim().is_empty(),
            "{}:\n{}",
            unit.display(),
            ended.output
        );
    }
    let mut command = Command::new("systemd-analyze");
    command
        .args(["security", "--offline=yes", "--no-pager", &format!("--threshold={EXPOSURE}")])
        .arg(&system);
    process::answer(&mut command).map(drop)
}

/// # Errors
/// A file differs, or is in one folder alone.
pub fn same(one: &Path, other: &Path) -> Result<()> {
    let names = |folder: &Path| -> Result<Vec<String>> {
        let mut names: Vec<String> = fs::read_dir(folder)?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.retain(|name| !name.ends_with(".sig"));
        names.sort();
        Ok(names)
    };
    let (first, second) = (names(one)?, names(other)?);
    ensure!(first == second && !first.is_empty(), "{first:?} and {second:?}");
    for name in &first {
        ensure!(
            sha256(&one.join(name))? == sha256(&other.join(name))?,
            "{name} is not the same the second time"
        );
    }
    eprintln!("{} files, twice the same bytes", first.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::tree::put;

    /// A tree with the units, and something that may be executed in the program's place.
    fn tree_of(change: impl Fn(String) -> String) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
        let tree = place.path().join("tree");
        for (name, scope) in [("interlock.service", "system"), ("interlock-notify.service", "user")] {
            let text = change(fs::read_to_string(packaging.join(name)).unwrap());
            put(&tree, &format!("usr/lib/systemd/{scope}/{name}"), text.as_bytes(), 0o644).unwrap();
        }
        put(&tree, "usr/bin/interlock", b"#!/bin/sh\n", 0o755).unwrap();
        place
    }

    #[test]
    fn the_units_are_understood_and_allow_no_more_than_they_did() {
        if process::find("systemd-analyze").is_none() {
            eprintln!("skipped: there is no systemd-analyze");
            return;
        }
        let checked = |change: fn(String) -> String| units(&tree_of(change).path().join("tree"));
        checked(|unit| unit).unwrap();
        let unknown = |unit: String| unit.replace("WatchdogSec=", "WatchDogSec=");
        assert!(checked(unknown).unwrap_err().to_string().contains("WatchDogSec"));
        let open = |unit: String| unit.replace("UMask=0077\n", "").replace("LockPersonality=yes\n", "");
        let error = checked(open).unwrap_err().to_string();
        assert!(error.contains("exposure"), "{error}");
    }

    #[test]
    fn what_differs_is_named() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(same(one.path(), other.path()).is_err(), "nothing was made");
        for folder in [&one, &other] {
            fs::write(folder.path().join("a.deb"), "a").unwrap();
        }
        same(one.path(), other.path()).unwrap();
        fs::write(other.path().join("a.deb"), "b").unwrap();
        assert!(same(one.path(), other.path()).unwrap_err().to_string().contains("a.deb"));
    }
}
