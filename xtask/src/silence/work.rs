//! A piece of work, as its folder describes it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

#[derive(Clone, Debug)]
pub struct Work {
    pub name: String,
    /// With `work.toml`, `prepare`, `work` and what these use.
    pub folder: PathBuf,
    pub about: About,
}

/// `work.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// One line for people.
    pub summary: String,
    #[serde(default)]
    pub agent: Agent,
    /// For the work; preparing may take as long again.
    #[serde(default = "five_minutes")]
    pub seconds: u64,
    /// The runner's own proof: a run in which this is not stopped proves nothing.
    #[serde(default)]
    pub must_be_stopped: bool,
    /// Without them it is skipped.
    #[serde(default)]
    pub programs: Vec<Program>,
    /// Packages that are unpacked, not installed, below `$DEBIAN`.
    #[serde(default)]
    pub debian: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub name: String,
    /// What to install.
    pub from: String,
}

/// How the session becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agent {
    /// `interlock run`.
    #[default]
    Run,
    /// By recognition: node runs a script at the place of Claude Code's, which runs the work.
    ClaudeCode,
}

fn five_minutes() -> u64 {
    300
}

impl Work {
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.about.seconds)
    }

    /// Programs that are not there, and what to install.
    pub fn missing(&self) -> Option<String> {
        let node = Program { name: "node".to_owned(), from: "Debian: nodejs".to_owned() };
        let agent = (self.about.agent == Agent::ClaudeCode).then_some(&node);
        let absent = |program: &&Program| process::find(&program.name).is_none();
        let missing: Vec<String> = (self.about.programs.iter().chain(agent).filter(absent))
            .map(|program| format!("{} is missing; install it ({})", program.name, program.from))
            .collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }
}

/// All pieces of work below a folder, by name.
///
/// # Errors
/// Names every folder that is incomplete or wrong.
pub fn load(folder: &Path) -> Result<Vec<Work>> {
    let (mut works, mut wrong) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        match read(&path) {
            Ok(work) => works.push(work),
            Err(error) => wrong.push(format!("{}: {error:#}", path.display())),
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    works.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(works)
}

fn read(folder: &Path) -> Result<Work> {
    for script in ["prepare", "work"] {
        if !folder.join(script).is_file() {
            bail!("has no `{script}`; expected work.toml, prepare and work");
        }
    }
    let text = fs::read_to_string(folder.join("work.toml")).context("work.toml")?;
    let about = toml::from_str(&text).context("work.toml")?;
    let name = folder.file_name().context("no name")?.to_string_lossy().into_owned();
    Ok(Work { name, folder: folder.to_owned(), about })
}

/// Those that were asked for; all where none was.
///
/// # Errors
/// There is none of a name; lists those there are.
pub fn chosen(works: Vec<Work>, only: &[String]) -> Result<Vec<Work>> {
    let names: Vec<&str> = works.iter().map(|work| work.name.as_str()).collect();
    let unknown: Vec<&str> = only.iter().map(String::as_str).filter(|name| !names.contains(name)).collect();
    if !unknown.is_empty() {
        bail!("there is no work called {}; expected one of {}", unknown.join(", "), names.join(", "));
    }
    Ok(works.into_iter().filter(|work| only.is_empty() || only.contains(&work.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Vec<Work> {
        load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("silence")).unwrap()
    }

    #[test]
    fn every_folder_is_complete_and_its_scripts_stop_at_the_first_failure() {
        let works = committed();
        assert!(works.len() >= 15, "{} pieces of work", works.len());
        for work in works {
            for script in ["prepare", "work"] {
                let text = fs::read_to_string(work.folder.join(script)).unwrap();
                assert!(text.contains("\nset -euo pipefail\n"), "{} {script}", work.name);
            }
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_refused_with_those_that_are() {
        let error = chosen(committed(), &["gti".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("called gti") && error.contains("cargo, "), "{error}");
        assert_eq!(chosen(committed(), &["cargo".to_owned()]).unwrap().len(), 1);
    }

    #[test]
    fn an_incomplete_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("half")).unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("half: has no `prepare`"), "{error}");
    }

    #[test]
    fn what_is_missing_says_what_to_install() {
        let mut work = committed().remove(0);
        work.about.programs = vec![Program { name: "no-such-program".into(), from: "npm: nothing".into() }];
        assert_eq!(work.missing().unwrap(), "no-such-program is missing; install it (npm: nothing)");
    }
}
