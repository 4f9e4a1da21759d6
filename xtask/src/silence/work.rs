//! Pieces of work: a folder each where they have files of their own, else a few lines in a file of their kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::tools::{Programs, Tool};

/// Every script begins with it; those in a file of their kind get it from here.
const STRICT: &str = "set -euo pipefail\n";

#[derive(Clone, Debug)]
pub struct Work {
    /// The file's name without its extension, or `tools` for a folder: what the documentation lists it under.
    pub kind: String,
    /// What its scripts find as `$FILES`.
    pub folder: PathBuf,
    /// Whether its workspace becomes a repository by itself.
    pub repository: bool,
    pub about: About,
}

/// `work.toml` of a folder, or a `[[work]]` of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Of a folder: the folder's.
    #[serde(default)]
    pub name: String,
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
    /// There before the work begins. Without them it is skipped.
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// What the work itself gets; `$PACKAGES` are they, as their registry's tool wants them.
    #[serde(default)]
    pub packages: Vec<Tool>,
    /// In the workspace, by path. Of a folder: it copies its own.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// A script that runs unwatched. Of a folder: the file `prepare`.
    #[serde(default)]
    pub prepare: String,
    /// A script that runs as an agent's session. Of a folder: the file `work`.
    #[serde(default)]
    pub work: String,
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

/// A file of one kind of work.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    work: Vec<About>,
}

impl Work {
    pub fn name(&self) -> &str {
        &self.about.name
    }

    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.about.seconds)
    }

    /// What is there beforehand and what the work gets.
    pub fn uses(&self) -> impl Iterator<Item = &Tool> {
        let agent = (self.about.agent == Agent::ClaudeCode && !self.about.tools.contains(node())).then(node);
        self.about.tools.iter().chain(agent).chain(&self.about.packages)
    }

    pub fn missing(&self, programs: &Programs) -> Option<String> {
        let tools: Vec<Tool> = self.uses().cloned().collect();
        programs.missing(&tools)
    }

    /// Packages that are unpacked.
    pub fn debian(&self) -> Vec<String> {
        let debian = |tool: &Tool| match tool {
            Tool::Debian(name) => Some(name.clone()),
            _ => None,
        };
        self.about.tools.iter().filter_map(debian).collect()
    }

    /// The value of `$PACKAGES`.
    pub fn packages(&self) -> String {
        let spec = |tool: &Tool| match tool {
            Tool::Package(package) => Some(package.spec()),
            _ => None,
        };
        self.about.packages.iter().filter_map(spec).collect::<Vec<_>>().join(" ")
    }

    fn check(&self, programs: &Programs) -> Result<()> {
        let About { name, summary, work, tools, packages, .. } = &self.about;
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        ensure!(
            !name.is_empty() && name.chars().all(plain),
            "field name: {name:?} is none; expected small letters, digits and -"
        );
        ensure!(!summary.trim().is_empty(), "field summary: is empty; expected a line for people");
        ensure!(
            !work.trim().is_empty(),
            "field work: is empty; expected a script that does it and checks it"
        );
        if let Some(other) = packages.iter().find(|tool| !matches!(tool, Tool::Package(_))) {
            bail!(
                "field packages: {other} is no package of a registry; what the machine must have stands in tools"
            );
        }
        super::tools::script(tools)?;
        programs.check(tools)
    }
}

fn node() -> &'static Tool {
    static NODE: std::sync::LazyLock<Tool> = std::sync::LazyLock::new(|| Tool::Program("node".to_owned()));
    &NODE
}

/// All pieces of work below a folder, by name.
///
/// # Errors
/// Names every file and folder that is incomplete or wrong.
pub fn load(folder: &Path) -> Result<Vec<Work>> {
    let programs = Programs::load(&folder.join("programs.toml"))?;
    let (mut works, mut wrong) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        let read = match path.extension() {
            None if path.is_dir() => in_folder(&path).map(|work| vec![work]),
            Some(extension) if extension == "toml" && !path.ends_with("programs.toml") => in_file(&path),
            _ => continue,
        };
        let checked = read.and_then(|read| {
            read.iter().try_for_each(|work| {
                work.check(&programs).with_context(|| format!("work {}", work.about.name))
            })?;
            Ok(read)
        });
        match checked {
            Ok(read) => works.extend(read),
            Err(error) => wrong.push(format!("{}: {error:#}", path.display())),
        }
    }
    let mut names = BTreeSet::new();
    wrong.extend((works.iter()).filter(|work| !names.insert(work.name())).map(|work| {
        format!(
            "{}: work {}: field name: two pieces of work are called so",
            work.folder.display(),
            work.name()
        )
    }));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    works.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(works)
}

fn in_folder(folder: &Path) -> Result<Work> {
    let script = |name: &str| {
        fs::read_to_string(folder.join(name))
            .with_context(|| format!("has no `{name}`; expected work.toml, prepare and work"))
    };
    let text = fs::read_to_string(folder.join("work.toml")).context("work.toml")?;
    let mut about: About = toml::from_str(&text).context("work.toml")?;
    let given = [&about.name, &about.prepare, &about.work];
    ensure!(
        given.iter().all(|text| text.is_empty()) && about.files.is_empty(),
        "work.toml: name, prepare, work and files stand in a file of several; a folder has a name and files"
    );
    (about.prepare, about.work) = (script("prepare")?, script("work")?);
    about.name = folder.file_name().context("no name")?.to_string_lossy().into_owned();
    Ok(Work { kind: "tools".to_owned(), folder: folder.to_owned(), repository: false, about })
}

fn in_file(file: &Path) -> Result<Vec<Work>> {
    let text = fs::read_to_string(file).context("cannot be read")?;
    let group: Group = toml::from_str(&text)?;
    let kind = file.file_stem().context("no name")?.to_string_lossy().into_owned();
    let folder = file.parent().context("no folder")?;
    let work = |mut about: About| {
        about.prepare = format!("{STRICT}{}", about.prepare);
        if !about.work.trim().is_empty() {
            about.work = format!("{STRICT}{}", about.work);
        }
        Work { kind: kind.clone(), folder: folder.to_owned(), repository: true, about }
    };
    Ok(group.work.into_iter().map(work).collect())
}

/// Those that were asked for; all where none was.
///
/// # Errors
/// There is none of a name; lists those there are.
pub fn chosen(works: Vec<Work>, only: &[String]) -> Result<Vec<Work>> {
    let names: Vec<&str> = works.iter().map(Work::name).collect();
    let kinds: BTreeSet<&str> = works.iter().map(|work| work.kind.as_str()).collect();
    let is_known = |wanted: &&str| names.contains(wanted) || kinds.contains(wanted);
    let unknown: Vec<&str> = only.iter().map(String::as_str).filter(|name| !is_known(name)).collect();
    if !unknown.is_empty() {
        bail!("there is no work or kind called {}; expected one of {}", unknown.join(", "), names.join(", "));
    }
    let is_chosen =
        |work: &Work| only.is_empty() || only.iter().any(|name| work.name() == name || work.kind == *name);
    Ok(works.into_iter().filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn committed() -> Vec<Work> {
        load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("silence")).unwrap()
    }

    #[test]
    fn there_are_a_hundred_and_each_script_is_one_and_stops_at_the_first_failure() {
        let works = committed();
        assert!(works.len() >= 100, "{} pieces of work", works.len());
        for work in works {
            for text in [&work.about.prepare, &work.about.work] {
                assert!(text.contains(STRICT), "{}", work.name());
                let joined = text.lines().find(|line| joins_commands(line));
                assert_eq!(joined, None, "{}: write each command on a line of its own", work.name());
                let parsed = crate::process::answer(Command::new("bash").args(["-n", "-c", text]));
                assert!(parsed.is_ok(), "{}: {parsed:?}", work.name());
            }
        }
    }

    /// Whether a line is commands joined by `&&`: a failure of any but the last ends no script, whatever `set -e` says.
    fn joins_commands(line: &str) -> bool {
        let line = line.trim();
        let is_a_condition = ["for ", "while ", "if ", "("].iter().any(|word| line.starts_with(word));
        let (mut quote, mut depth, mut before) = (None, 0_u32, ' ');
        let mut plain = String::new();
        for letter in line.chars() {
            match (quote, letter) {
                (Some(open), _) if letter == open && before != '\\' => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(letter),
                (None, '(' | '{') => depth += 1,
                (None, ')' | '}') => depth = depth.saturating_sub(1),
                (None, _) if depth == 0 => plain.push(letter),
                (None, _) => {}
            }
            before = letter;
        }
        !is_a_condition && quote.is_none() && plain.contains(" && ") && !plain.contains(" || ")
    }

    #[test]
    fn joined_commands_are_told_from_conditions_and_texts() {
        for line in ["a && b", "a --x \"y\" && b | c", "(cd x && a) && b"] {
            assert_eq!(joins_commands(line), !line.starts_with('('), "{line}");
        }
        for line in [
            "a",
            "a && b || c",
            "for x in y; do a && break; done",
            "a 'b && c'",
            "f() { a && b; }",
            "(cd x && a)",
        ] {
            assert!(!joins_commands(line), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_refused_with_those_that_are() {
        let error = chosen(committed(), &["gti".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("called gti") && error.contains("cargo, "), "{error}");
        assert_eq!(chosen(committed(), &["cargo".to_owned()]).unwrap().len(), 1);
        assert!(chosen(committed(), &["python".to_owned()]).unwrap().len() > 10);
    }

    /// What is said of a folder with this one file of work.
    fn mistake(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("programs.toml"), "[git]\nfrom = 'Debian: git'\n").unwrap();
        fs::write(dir.path().join("kind.toml"), text).unwrap();
        load(dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_in_a_file_is_told_with_its_place() {
        let right = "[[work]]\nname = 'a'\nsummary = 'b'\nwork = 'true'\n";
        for (text, part) in [
            (format!("{right}tolls = ['git']\n"), "line 5, column 1"),
            (format!("{right}tools = ['npm:vite']\n"), "npm:vite: has no version"),
            (format!("{right}tools = ['gti']\n"), "work a: field tools: the program gti"),
            (format!("{right}packages = ['git']\n"), "work a: field packages: git"),
            (right.replace("'a'", "'A b'"), "field name"),
            (right.replace("'true'", "' '"), "field work"),
            (format!("{right}{right}"), "two pieces of work"),
        ] {
            let error = mistake(&text);
            assert!(error.contains("kind.toml") || error.contains("two pieces"), "{error}");
            assert!(error.contains(part), "expected {part:?} in {error}");
        }
    }

    #[test]
    fn an_incomplete_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("programs.toml"), "").unwrap();
        fs::create_dir(dir.path().join("half")).unwrap();
        fs::write(dir.path().join("half/work.toml"), "summary = 'x'").unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("half: has no `prepare`"), "{error}");
    }
}
