//! What a piece of work uses: programs that the machine must have, and packages at pinned versions.

use std::{collections::BTreeMap, fmt, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;

/// `git` is a program of the machine; `npm:typescript@5.9.3`, `debian:gh` are packages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Tool {
    /// Must be on `PATH`; `programs.toml` says what brings it.
    Program(String),
    /// Unpacked below `$DEBIAN`, never installed; in whatever version the machine's release has.
    Debian(String),
    Package(Package),
}

/// A package of a registry, in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub kind: Kind,
    pub name: String,
    pub version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Npm,
    Pypi,
    Go,
    Crate,
    Maven,
}

const KINDS: [(&str, Kind); 5] = [
    ("npm", Kind::Npm),
    ("pypi", Kind::Pypi),
    ("go", Kind::Go),
    ("crate", Kind::Crate),
    ("maven", Kind::Maven),
];

impl Package {
    /// As the registry's own tool wants it.
    pub fn spec(&self) -> String {
        let between = match self.kind {
            Kind::Pypi => "==",
            Kind::Maven => ":",
            Kind::Npm | Kind::Go | Kind::Crate => "@",
        };
        format!("{}{between}{}", self.name, self.version)
    }
}

impl TryFrom<String> for Tool {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some((kind, rest)) = text.split_once(':') else { return Ok(Self::Program(text)) };
        if kind == "debian" {
            return Ok(Self::Debian(rest.to_owned()));
        }
        let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == kind) else {
            return Err(format!(
                "{text}: there is no registry called {kind}; expected debian, npm, pypi, go, crate or maven"
            ));
        };
        match rest.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Self::Package(Package { kind: *kind, name: name.to_owned(), version: version.to_owned() }))
            }
            _ => Err(format!("{text}: has no version; expected one behind the last @, as in npm:vite@7.0.0")),
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) | Self::Debian(name) => formatter.write_str(name),
            Self::Package(package) => write!(formatter, "{} {}", package.name, package.version),
        }
    }
}

/// `programs.toml`: by a program's name, what brings it and how it tells its version.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Programs(BTreeMap<String, Program>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    /// For people, as `Debian: git`.
    from: String,
    /// A command line; `NAME --version` where none is given.
    version: Option<String>,
}

impl Programs {
    /// # Errors
    /// The file cannot be read or is wrong; with line and column.
    pub fn load(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        toml::from_str(&text).with_context(|| file.display().to_string())
    }

    /// # Errors
    /// A tool is a program that the file does not know.
    pub fn check(&self, tools: &[Tool]) -> Result<()> {
        for tool in tools {
            match tool {
                Tool::Program(name) if !self.0.contains_key(name) => bail!(
                    "field tools: the program {name} is not in programs.toml; add a line to it that says what brings it"
                ),
                _ => {}
            }
        }
        Ok(())
    }

    /// Programs that are not there, and what to install.
    pub fn missing(&self, tools: &[Tool]) -> Option<String> {
        let missing: Vec<String> = (tools.iter())
            .filter_map(|tool| match tool {
                Tool::Program(name) if process::find(name).is_none() => {
                    let from = self.0.get(name).map_or("unknown", |program| program.from.as_str());
                    Some(format!("{name} is missing; install it ({from})"))
                }
                _ => None,
            })
            .collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// The version that a program tells of itself, run by a shell that `dressed` is.
    pub fn version(&self, name: &str, mut dressed: Command) -> Option<String> {
        let own = format!("{name} --version");
        let line = self.0.get(name).and_then(|program| program.version.as_ref()).unwrap_or(&own);
        let answer = process::answer(dressed.args(["-c", line])).ok()?;
        version_in(&answer).map(str::to_owned)
    }
}

/// The first thing that looks like a version: digits, a full stop, digits.
fn version_in(text: &str) -> Option<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || ".-+~".contains(letter)));
    words.map(|word| word.trim_start_matches(|letter: char| !letter.is_ascii_digit())).find_map(|word| {
        let digits = word.find(|letter: char| !letter.is_ascii_digit())?;
        let rest = word.get(digits..)?.strip_prefix('.')?;
        rest.starts_with(|letter: char| letter.is_ascii_digit()).then(|| word.trim_end_matches('.'))
    })
}

/// The script that installs packages into a home, as a person would have them there: npm's in a prefix of the user's,
/// PyPI's each in an environment of its own with its programs linked, Go's in the place of `go install`.
///
/// # Errors
/// A package's registry has no programs to install.
pub fn script(tools: &[Tool]) -> Result<String> {
    let mut script = String::new();
    for tool in tools {
        let Tool::Package(package) = tool else { continue };
        let spec = package.spec();
        script += &match package.kind {
            Kind::Npm => {
                format!("npm install --global --prefix ~/.npm-global --no-fund --no-audit '{spec}'\n")
            }
            Kind::Pypi => pypi(package, &spec),
            Kind::Go => format!("GOBIN=~/go/bin go install '{spec}'\n"),
            Kind::Crate | Kind::Maven => bail!(
                "field tools: {tool} is not installed before the work; name it in `packages` if the work gets it"
            ),
        };
    }
    Ok(script)
}

fn pypi(package: &Package, spec: &str) -> String {
    let name = package.name.split('[').next().unwrap_or_default();
    format!(
        "python3 -m venv ~/.local/share/pipx/venvs/{name}\n\
         ~/.local/share/pipx/venvs/{name}/bin/pip install --quiet '{spec}'\n\
         for program in ~/.local/share/pipx/venvs/{name}/bin/*; do\n    \
             case \"${{program##*/}}\" in (python*|pip|pip[0-9]*|activate*|Activate*) ;; (*) ln -sf \"$program\" ~/.local/bin/ ;; esac\n\
         done\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(text: &str) -> Result<Tool, String> {
        Tool::try_from(text.to_owned())
    }

    #[test]
    fn a_package_is_written_as_its_own_tool_wants_it() {
        for (text, spec) in [
            ("npm:@biomejs/biome@2.0.0", "@biomejs/biome@2.0.0"),
            ("pypi:ruff@0.14.0", "ruff==0.14.0"),
            ("go:golang.org/x/tools/gopls@v0.20.0", "golang.org/x/tools/gopls@v0.20.0"),
            ("maven:junit:junit@4.13.2", "junit:junit:4.13.2"),
        ] {
            let Tool::Package(package) = tool(text).unwrap() else { panic!("{text}") };
            assert_eq!(package.spec(), spec);
        }
        assert_eq!(tool("git").unwrap(), Tool::Program("git".to_owned()));
        assert_eq!(tool("debian:gh").unwrap(), Tool::Debian("gh".to_owned()));
    }

    #[test]
    fn a_package_without_a_version_or_registry_is_refused() {
        assert!(tool("npm:vite").unwrap_err().contains("has no version"));
        assert!(tool("nmp:vite@1").unwrap_err().contains("expected debian, npm"));
        let only = [tool("crate:itoa@1.0.0").unwrap()];
        assert!(script(&only).unwrap_err().to_string().contains("packages"));
    }

    #[test]
    fn a_version_is_found_in_what_programs_print() {
        for (text, version) in [
            ("git version 2.39.5", "2.39.5"),
            ("go version go1.26.8 linux/amd64", "1.26.8"),
            ("v20.20.2", "20.20.2"),
            ("openjdk version \"17.0.15\" 2025-04-15", "17.0.15"),
            ("Redis server v=7.0.15 sha=00000000:0", "7.0.15"),
            ("OpenSSH_9.2p1 Debian-2+deb12u6", "9.2p1"),
        ] {
            assert_eq!(version_in(text), Some(version), "{text}");
        }
        assert_eq!(version_in("no version at all, 3 words"), None);
    }

    #[test]
    fn a_program_that_nothing_is_said_of_is_refused_and_a_missing_one_says_what_brings_it() {
        let programs = Programs(toml::from_str("[no-such-program]\nfrom = 'npm: nothing'").unwrap());
        let error = programs.check(&[tool("gti").unwrap()]).unwrap_err().to_string();
        assert!(error.contains("gti") && error.contains("programs.toml"), "{error}");
        let tools = [tool("no-such-program").unwrap()];
        assert_eq!(
            programs.missing(&tools).unwrap(),
            "no-such-program is missing; install it (npm: nothing)"
        );
    }
}
