//! Debian's archive, read with apt's tools and lists of our own: the machine's sources stay as they are, and need not be
//! those of the suite that is wanted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::process;

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Some suites of the archive, for amd64.
pub struct Debian {
    dir: PathBuf,
}

impl Debian {
    /// Fetches the suites' lists into a folder below `place`.
    ///
    /// # Errors
    /// The machine has no apt that knows Debian's archive, or it does not answer.
    pub fn of(place: &Path, suites: &[&str]) -> Result<Self> {
        if process::find("apt-get").is_none() || !Path::new(KEYS).exists() {
            bail!("Debian's kernels need apt and the package debian-archive-keyring (for {KEYS})");
        }
        let dir = place.join("apt");
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(folder))
                .with_context(|| format!("{}/{folder} cannot be made", dir.display()))?;
        }
        let roots = archives()?;
        let lines = suites.iter().map(|suite| source(&roots, suite)).collect::<Result<String>>()?;
        fs::write(dir.join("sources.list"), lines).context("no apt sources of our own")?;
        let config = format!(
            "Dir::Etc::sourcelist \"{0}/sources.list\";\nDir::Etc::sourceparts \"-\";\n\
             Dir::State::lists \"{0}/lists\";\nDir::Cache \"{0}/cache\";\nAcquire::Languages \"none\";\n\
             Acquire::Retries \"2\";\nAPT::Architecture \"amd64\";\nAPT::Sandbox::User \"root\";\n",
            dir.display()
        );
        fs::write(dir.join("apt.conf"), config).context("no apt configuration of our own")?;
        let debian = Self { dir };
        debian.ask("apt-get", &["--quiet", "--error-on=any", "update"]).context("no package lists")?;
        Ok(debian)
    }

    /// Names of the packages that match a regular expression.
    ///
    /// # Errors
    /// apt fails.
    pub fn packages(&self, pattern: &str) -> Result<Vec<String>> {
        let found = self.ask("apt-cache", &["search", "--names-only", pattern])?;
        Ok(found.lines().filter_map(|line| line.split_once(" - ")).map(|(name, _)| name.to_owned()).collect())
    }

    /// The package's archive.
    ///
    /// # Errors
    /// It cannot be fetched.
    pub fn fetch(&self, package: &str) -> Result<PathBuf> {
        self.ask("apt-get", &["--quiet", "download", package])?;
        let is_it = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{package}_")))
        };
        let mut files = fs::read_dir(&self.dir)?.flatten().map(|entry| entry.path());
        files
            .find(is_it)
            .with_context(|| format!("{package} was fetched and is not in {}", self.dir.display()))
    }

    fn ask(&self, program: &str, words: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        process::answer(
            command.current_dir(&self.dir).env("APT_CONFIG", self.dir.join("apt.conf")).args(words),
        )
    }
}

/// The archives that the machine's own sources name: its mirror serves the other suites too.
fn archives() -> Result<Vec<String>> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    Ok(process::answer(&mut command)?.lines().map(|line| line.trim_end_matches('/').to_owned()).collect())
}

/// A line of `sources.list`.
fn source(archives: &[String], suite: &str) -> Result<String> {
    let name = if suite.ends_with("-security") { "/debian-security" } else { "/debian" };
    let archive = archives.iter().find(|archive| archive.ends_with(name)).with_context(|| {
        format!("apt's sources name no archive that ends in {name}, and {suite} is wanted from one")
    })?;
    Ok(format!("deb [signed-by={KEYS}] {archive} {suite} main\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_suite_comes_from_the_archive_that_the_machine_uses() {
        let archives = ["http://mirror/ubuntu", "http://mirror/debian", "http://mirror/debian-security"];
        let archives = archives.map(str::to_owned);
        let line = |suite| source(&archives, suite).unwrap();
        assert_eq!(
            line("trixie-backports"),
            format!("deb [signed-by={KEYS}] http://mirror/debian trixie-backports main\n")
        );
        assert!(line("bookworm-security").contains(" http://mirror/debian-security bookworm-security "));
        assert!(source(&archives[..1], "bookworm").is_err());
    }
}
