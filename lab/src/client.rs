//! `lab/clients.yaml`: which clients there are, one a line.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use crate::list::{self, Entry};

/// Where a client is had from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registry {
    Npm,
    Pypi,
    Crates,
    Debian,
    Go,
    /// A script that is there already; for tests.
    File,
}

impl Registry {
    /// As people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "PyPI",
            Self::Crates => "crates",
            Self::Debian => "Debian",
            Self::Go => "Go",
            Self::File => "file",
        }
    }
}

/// A store that the client is expected to read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Store {
    /// With the usual content of a login in a file of that name.
    Usual(String),
    /// `{ "~/.x/config.json": "{ … @token@ … }" }`
    Written(BTreeMap<String, String>),
}

/// One client, as the data file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub id: String,
    pub from: Registry,
    /// `NAME@VERSION`
    pub package: String,
    /// Further packages of the same registry, which it needs.
    #[serde(default)]
    pub with: Vec<String>,
    /// A line for `sh`.
    pub run: String,
    #[serde(default)]
    stores: Vec<Store>,
    /// What else has to be there: a project's file, a setting.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// `VARIABLE=~/PLACE`: the variable's value stands for that place.
    #[serde(default)]
    moves: Vec<String>,
    /// Variables that replace the login: `VARIABLE`, or `VARIABLE=VALUE` with `@token@` in it.
    #[serde(default)]
    logins: Vec<String>,
    /// Variables that it always has.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Hosts that get its requests, where the stub cannot see a login in them (gRPC, signatures).
    #[serde(default)]
    pub api: BTreeSet<String>,
    /// Hosts that are told what was run, or asked for a newer version.
    #[serde(default)]
    pub telemetry: BTreeSet<String>,
    /// `METHOD /PATH` of requests that are answered by 200 and this body; all others are refused.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Differences that are meant: the store, host or variable, and why.
    #[serde(default)]
    pub known: BTreeMap<String, String>,
    /// Why it is not run.
    #[serde(default)]
    pub skip: Option<String>,
}

/// `(path below the home or absolute, content)`
pub type Seed = (String, String);

impl Client {
    /// The package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        split(&self.package).0
    }

    /// The package's version.
    #[must_use]
    pub fn version(&self) -> &str {
        split(&self.package).1
    }

    /// What its stores contain, with `tag` in their tokens; in the file's order.
    #[must_use]
    pub fn seeds(&self, tag: &str) -> Vec<Seed> {
        let content = |path: &str, text: &str| (path.to_owned(), crate::token::fill(text, tag));
        let of = |store: &Store| match store {
            Store::Usual(path) => vec![content(path, crate::token::usual(path))],
            Store::Written(all) => all.iter().map(|(path, text)| content(path, text)).collect(),
        };
        self.stores.iter().flat_map(of).collect()
    }

    /// Its own stores' paths.
    #[must_use]
    pub fn stores(&self) -> Vec<String> {
        self.seeds("").into_iter().map(|(path, _)| path).collect()
    }

    /// `(variable, place)`: its own, and those of the XDG base directories that its stores lie in.
    #[must_use]
    pub fn moves(&self) -> Vec<(String, String)> {
        const BASE: [(&str, &str); 4] = [
            ("XDG_CONFIG_HOME", "~/.config"),
            ("XDG_DATA_HOME", "~/.local/share"),
            ("XDG_CACHE_HOME", "~/.cache"),
            ("XDG_STATE_HOME", "~/.local/state"),
        ];
        let own = self.moves.iter().filter_map(|text| text.split_once('='));
        let stores = self.stores();
        let below = |place: &str| stores.iter().any(|path| path.starts_with(&format!("{place}/")));
        own.chain(BASE.into_iter().filter(|(_, place)| below(place)))
            .map(|(variable, place)| (variable.to_owned(), place.to_owned()))
            .collect()
    }

    /// `(variable, value with `@token@`)`
    #[must_use]
    pub fn logins(&self) -> Vec<(&str, &str)> {
        self.logins.iter().map(|text| text.split_once('=').unwrap_or((text, "@token@"))).collect()
    }

    fn problem(&self) -> Option<String> {
        let in_home_or_absolute = |path: &String| path.starts_with("~/") || path.starts_with('/');
        let place = |text: &String| text.split_once('=').is_some_and(|(_, place)| place.starts_with("~/"));
        if !is_id(&self.id) {
            return Some(format!("id `{}`: expected lower-case letters, digits and dashes", self.id));
        }
        if self.from != Registry::File && self.version().is_empty() {
            return Some(format!("package `{}`: expected NAME@VERSION", self.package));
        }
        if let Some(path) =
            self.stores().iter().chain(self.files.keys()).find(|path| !in_home_or_absolute(path))
        {
            return Some(format!("path `{path}`: expected `~/…` or `/…`"));
        }
        if let Some(text) = self.moves.iter().find(|text| !place(text)) {
            return Some(format!("move `{text}`: expected VARIABLE=~/PLACE"));
        }
        self.logins
            .iter()
            .find(|text| text.starts_with('=') || text.is_empty())
            .map(|text| format!("login `{text}`: expected VARIABLE or VARIABLE=VALUE"))
    }
}

/// Name and version of a package; the name may begin with a scope.
pub(crate) fn split(package: &str) -> (&str, &str) {
    match package.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => (name, version),
        _ => (package, ""),
    }
}

/// Lower-case letters, digits and dashes.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Reads the data file.
///
/// # Errors
/// What is wrong with the text, with its line; every client that is wrong, not only the first.
pub fn read(text: &str) -> Result<Vec<Client>> {
    list::read(text)
}

impl Entry for Client {
    const NOUN: &'static str = "client";

    fn id(&self) -> &str {
        &self.id
    }

    fn problem(&self) -> Option<String> {
        Self::problem(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_a_client() {
        let line = "- { id: x, from: npm, package: '@a/x@1.2', run: x ls, stores: [~/.config/x/auth.json, { ~/.x: t=@token@ }], \
                    moves: [X_HOME=~/.x], logins: [X_TOKEN, X_KEY=k-@token@] }";
        let clients = read(line).unwrap();
        let client = &clients[0];
        assert_eq!((client.name(), client.version()), ("@a/x", "1.2"));
        let seeds = client.seeds("07");
        assert_eq!(seeds[0].0, "~/.config/x/auth.json");
        assert!(seeds[1].1.starts_with("t=labfake07"), "{seeds:?}");
        let moves: Vec<String> = client.moves().into_iter().map(|(variable, _)| variable).collect();
        assert_eq!(moves, ["X_HOME", "XDG_CONFIG_HOME"]);
        assert_eq!(client.logins(), [("X_TOKEN", "@token@"), ("X_KEY", "k-@token@")]);
    }

    #[test]
    fn everything_wrong_is_told_with_its_line() {
        let text = "- { id: X, from: npm, package: x@1, run: x }\n\
                    - { id: y, from: npm, package: y, run: y }\n\
                    - { id: z, from: go, package: z@v1, run: z, stores: [.z] }\n\
                    - { id: z, from: go, package: z@v1, run: z, moves: [Z] }\n";
        let why = format!("{:#}", read(text).unwrap_err());
        for part in [
            "line 1: client `X`",
            "line 2",
            "NAME@VERSION",
            "line 3",
            "`~/…`",
            "line 4",
            "twice",
            "VARIABLE=~/PLACE",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
        let unknown = format!("{:#}", read("- { id: y, from: gems, package: y, run: y }").unwrap_err());
        assert!(unknown.contains("line 1") || unknown.contains("1:"), "{unknown}");
    }
}
