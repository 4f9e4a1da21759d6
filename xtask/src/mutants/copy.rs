//! A copy of the packages that the decision needs, below `target/mutants`: what is taken out is taken out there.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::switches;
use crate::process::{self, Echo};

/// What of the repository the decision's tests need.
const NEEDED: &[&str] = &[
    "Cargo.lock",
    "clippy.toml",
    "docs/rules.md",
    "monitor-common",
    "monitor/core",
    "rules",
    "rustfmt.toml",
];
/// Tests of which one must fail, the quick ones first: nothing counts as a survivor that has not passed all of them.
const TESTS: [&[&str]; 4] = [
    &["decide::tests", "--skip", "properties"],
    &["decide::", "--skip", "decide::tests"],
    &["decide::tests::properties"],
    &["rule_test::"],
];
/// Seconds that the tests may take: a mutant may never end.
const LIMIT: &str = "240";

/// A workspace of the core alone.
pub struct Copy(PathBuf);

/// What became of a build of the tests.
pub enum Built {
    /// Their program.
    Program(PathBuf),
    /// Where the compiler found something wrong.
    Failed(Vec<Complaint>),
}

/// A place that the compiler names.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct Complaint {
    #[serde(rename = "file_name")]
    pub path: PathBuf,
    byte_start: usize,
    byte_end: usize,
}

impl Complaint {
    pub fn place(&self) -> Range<usize> {
        self.byte_start..self.byte_end
    }
}

impl Copy {
    /// Its files are newer than what was built of the last change of a run before.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub fn of(root: &Path, folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        for needed in NEEDED {
            let target = folder.join(needed);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            if target.is_dir() {
                fs::remove_dir_all(&target)?;
            }
            process::succeed(Command::new("cp").arg("-r").arg(root.join(needed)).arg(&target))?;
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let mut manifest: toml::Table = toml::from_str(&manifest)?;
        let workspace = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut);
        let workspace = workspace.context("Cargo.toml has no workspace")?;
        let members = ["monitor/core", "monitor-common"].map(|member| toml::Value::String(member.to_owned()));
        workspace.insert("members".to_owned(), toml::Value::Array(members.to_vec()));
        workspace.remove("default-members");
        // One build, and then every test for every change.
        let quick = toml::toml! { opt-level = 1 debug = false };
        let packages =
            manifest.get_mut("profile").and_then(|profiles| profiles.get_mut("dev")?.get_mut("package"));
        let packages =
            packages.and_then(toml::Value::as_table_mut).context("Cargo.toml has no profile of packages")?;
        packages.insert("interlock-core".to_owned(), toml::Value::Table(quick));
        fs::write(folder.join("Cargo.toml"), toml::to_string(&manifest)?)?;
        let copy = Self(folder);
        copy.add_switches()?;
        Ok(copy)
    }

    fn add_switches(&self) -> Result<()> {
        let source = self.0.join("monitor/core/src");
        let root = source.join("lib.rs");
        let text = fs::read_to_string(&root)?;
        fs::write(&root, format!("{text}mod {};\n", switches::MODULE_NAME))?;
        fs::write(source.join(switches::MODULE_NAME).with_extension("rs"), switches::MODULE)?;
        Ok(())
    }

    pub fn read(&self, path: &Path) -> Result<String> {
        fs::read_to_string(self.0.join(path)).with_context(|| path.display().to_string())
    }

    pub fn write(&self, path: &Path, text: &str) -> Result<()> {
        fs::write(self.0.join(path), text).with_context(|| path.display().to_string())
    }

    /// Builds the tests as the sources stand.
    pub fn build(&self) -> Result<Built> {
        let mut command = Command::new("cargo");
        command.args(["test", "--quiet", "--package", "interlock-core", "--lib", "--no-run"]);
        command.args(["--message-format", "json"]).current_dir(&self.0);
        let ended = process::capture(&mut command, Echo::Silent)?;
        let messages = ended.output.lines().filter_map(|line| serde_json::from_str(line).ok());
        let messages: Vec<Message> = messages.collect();
        if !ended.status.success() {
            let complaints: Vec<Complaint> = messages.into_iter().flat_map(Message::complaints).collect();
            if complaints.is_empty() {
                bail!("the core's tests cannot be built:\n{}", ended.output);
            }
            return Ok(Built::Failed(complaints));
        }
        let program = messages.into_iter().filter_map(|message| message.executable).next_back();
        Ok(Built::Program(program.context("cargo built the core's tests and does not say where")?))
    }

    /// Whether a test fails, with the change of this number if there is one.
    pub fn is_noticed(&self, program: &Path, change: Option<usize>) -> Result<bool> {
        let package = self.0.join("monitor/core");
        for tests in TESTS {
            let mut command = Command::new("timeout");
            command.arg(LIMIT).arg(program).arg("--quiet").args(tests).current_dir(&package);
            // That it fails is enough: no smaller history is looked for.
            command.env("CARGO_MANIFEST_DIR", &package).env("PROPTEST_MAX_SHRINK_ITERS", "0");
            command.env("RUST_BACKTRACE", "0").env_remove(switches::VARIABLE);
            if let Some(number) = change {
                command.env(switches::VARIABLE, number.to_string());
            }
            if !process::capture(&mut command, Echo::Silent)?.status.success() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A line of cargo's report.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    is_primary: bool,
    #[serde(flatten)]
    complaint: Complaint,
}

impl Message {
    /// The places of an error: those that it is about or, where it has none, all.
    fn complaints(self) -> Vec<Complaint> {
        let Some(Diagnostic { spans, .. }) = self.message.filter(|message| message.level == "error") else {
            return Vec::new();
        };
        let primary = |span: &Span| span.is_primary;
        let any = spans.iter().any(primary);
        spans.into_iter().filter(|span| !any || span.is_primary).map(|span| span.complaint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_place_and_a_warning_none() {
        let line = |level: &str| {
            format!(
                r#"{{"reason":"compiler-message","message":{{"level":"{level}","spans":[
                {{"file_name":"a.rs","byte_start":3,"byte_end":5,"is_primary":true}},
                {{"file_name":"a.rs","byte_start":1,"byte_end":9,"is_primary":false}}]}}}}"#
            )
        };
        let complaints = |text: &str| serde_json::from_str::<Message>(text).unwrap().complaints();
        let place = Complaint { path: "a.rs".into(), byte_start: 3, byte_end: 5 };
        assert_eq!(complaints(&line("error")), [place]);
        assert_eq!(complaints(&line("warning")), []);
    }
}
