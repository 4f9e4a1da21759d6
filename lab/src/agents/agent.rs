//! `lab/agents.yaml`: which coding agents there are, an entry each.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::model::{Finish, Protocol, Script};
use crate::{
    client::{self, Registry, Seed},
    list::{self, Entry},
    token,
};

/// One agent, as the data file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    pub id: String,
    /// Its id in the catalogue, where it is another.
    #[serde(default)]
    agent: Option<String>,
    pub from: Registry,
    /// `NAME@VERSION`
    pub package: String,
    /// Further packages of the same registry, which it needs.
    #[serde(default)]
    pub with: Vec<String>,
    /// A line for `sh` that gives it one task and lets it run commands unasked.
    pub run: String,
    /// What lies in its home: its settings, its login.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Variables that it has; `@token@` is a fake login.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// How it speaks to its model, once it is pointed there.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Its tool that runs a command; empty where it runs what stands in its model's text.
    #[serde(default)]
    tool: Option<String>,
    /// The tool's arguments, with `@command@` in them; `{ command: "@command@" }` unless they are others.
    #[serde(default)]
    arguments: Option<Map<String, Value>>,
    /// The tool that ends its work, where words alone do not.
    #[serde(default)]
    finish: Option<Finish>,
    /// `METHOD /PATH` of further requests that are answered by 200 and this body.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Why it does not get as far as a command: it is only started.
    #[serde(default)]
    pub only_started: Option<String>,
    /// Differences that are meant: the kind or what is said of it, and why.
    #[serde(default)]
    pub known: BTreeMap<String, String>,
    /// Why it is not run.
    #[serde(default)]
    pub skip: Option<String>,
}

impl Agent {
    /// Its id in the catalogue.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.agent.as_deref().unwrap_or(&self.id)
    }

    /// The package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        client::split(&self.package).0
    }

    /// The package's version.
    #[must_use]
    pub fn version(&self) -> &str {
        client::split(&self.package).1
    }

    /// What lies in its home, with its fake logins.
    #[must_use]
    pub fn seeds(&self) -> Vec<Seed> {
        let seed = |(path, text): (&String, &String)| (path.clone(), token::fill(text, token::STORE));
        self.files.iter().map(seed).collect()
    }

    /// Its variables, with its fake logins.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let fill = |(name, text): (&String, &String)| (name.clone(), token::fill(text, token::STORE));
        self.env.iter().map(fill).collect()
    }

    /// What its model does in a run.
    #[must_use]
    pub fn script(&self, commands: &[&str]) -> Script {
        let usual = || Map::from_iter([("command".to_owned(), json!("@command@"))]);
        Script {
            tool: self.tool.clone().unwrap_or_default(),
            arguments: self.arguments.clone().unwrap_or_else(usual),
            commands: commands.iter().map(|command| (*command).to_owned()).collect(),
            finish: self.finish.clone(),
            ..Script::default()
        }
    }

    fn problem(&self) -> Option<String> {
        if !client::is_id(&self.id) {
            return Some(format!("id `{}`: expected lower-case letters, digits and dashes", self.id));
        }
        if !matches!(self.from, Registry::Npm | Registry::Pypi | Registry::File) {
            return Some(format!("from `{}`: expected npm or pypi", self.from.name()));
        }
        if self.from != Registry::File && self.version().is_empty() {
            return Some(format!("package `{}`: expected NAME@VERSION", self.package));
        }
        if let Some(path) = self.files.keys().find(|path| !path.starts_with("~/")) {
            return Some(format!("file `{path}`: expected `~/…`"));
        }
        if self.skip.is_none()
            && self.only_started.is_none()
            && (self.protocol.is_none() || self.tool.is_none())
        {
            return Some("expected `protocol` and `tool`, or `only_started` with the reason".to_owned());
        }
        let has_command = |arguments: &Map<String, Value>| {
            Value::Object(arguments.clone()).to_string().contains("@command@")
        };
        self.arguments
            .as_ref()
            .is_some_and(|arguments| !has_command(arguments))
            .then(|| "arguments: expected `@command@` in one of them".to_owned())
    }
}

/// Reads the data file.
///
/// # Errors
/// What is wrong with the text, with its line; every agent that is wrong, not only the first.
pub fn read(text: &str) -> Result<Vec<Agent>> {
    list::read(text)
}

impl Entry for Agent {
    const NOUN: &'static str = "agent";

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

    const LINE: &str = "- { id: x-sdk, agent: x, from: npm, package: '@a/x@1.2', run: x -p hi, protocol: openai-chat, tool: sh, \
                        env: { X_KEY: k-@token@ }, files: { ~/.x/a.json: '{\"t\":\"@token@\"}' } }";

    #[test]
    fn an_entry_is_an_agent() {
        let agents = read(LINE).unwrap();
        let agent = &agents[0];
        assert_eq!((agent.agent(), agent.name(), agent.version()), ("x", "@a/x", "1.2"));
        assert_eq!(agent.protocol, Some(Protocol::OpenaiChat));
        assert!(agent.variables()["X_KEY"].starts_with("k-labfake00"));
        assert!(agent.seeds()[0].1.contains("labfake00"));
        let script = agent.script(&["ls"]);
        assert_eq!(
            (script.arguments["command"].as_str(), script.commands),
            (Some("@command@"), vec!["ls".to_owned()])
        );
    }

    #[test]
    fn everything_wrong_is_told_with_its_line() {
        let text = "- { id: X, from: npm, package: x@1, run: x, only_started: no }\n\
                    - { id: y, from: npm, package: y@1, run: y }\n\
                    - { id: z, from: debian, package: z@1, run: z, only_started: no }\n\
                    - { id: z, from: npm, package: z, run: z, only_started: no }\n\
                    - { id: v, from: npm, package: v@1, run: v, protocol: gemini, tool: sh, arguments: { a: b } }\n\
                    - { id: w, from: npm, package: w@1, run: w, only_started: no, files: { /etc/x: y } }\n";
        let why = format!("{:#}", read(text).unwrap_err());
        for part in [
            "line 1: agent `X`",
            "line 2: agent `y`: expected `protocol` and `tool`",
            "line 3: agent `z`: from `Debian`",
            "NAME@VERSION",
            "line 4: agent `z` is there twice",
            "line 5: agent `v`: arguments: expected `@command@`",
            "line 6: agent `w`: file `/etc/x`",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
        let unknown = format!(
            "{:#}",
            read("- { id: y, from: npm, package: y@1, run: y, protocol: soap }").unwrap_err()
        );
        assert!(unknown.contains("line 1") || unknown.contains("1:"), "{unknown}");
    }
}
