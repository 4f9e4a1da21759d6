//! Telling an agent by what a program is started as.
//!
//! Three kinds of evidence, strongest first: the program's own name or path; the script that an interpreter runs; marks
//! in the environment that only agents' children have. Marks that people's shells have as well (`CLAUDECODE=1` in an
//! editor's terminal) never make a session. Absence proves nothing: a program can unset every mark, so lineage, once
//! established, is never taken back.

use std::collections::HashMap;

use crate::catalog::{
    agents::{Agent, Agents, Marker, UNKNOWN},
    basename,
};

/// What a process was started as.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Path of the program.
    pub executable: &'a str,
    /// From the program's name on.
    pub args: &'a [String],
    pub env: &'a [(String, String)],
}

/// How sure the recognition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The process is the agent.
    Strong,
    /// The process was started by the agent.
    Marker,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Catalogue id: `claude-code`, `unknown`.
    pub agent: String,
    /// For people: `executable claude`, `argv …/cli.js`, `environment CRUSH`.
    pub by: String,
    pub strength: Strength,
    /// What told the agent to ask nobody: `--yolo`, `GOOSE_MODE`.
    pub approval_off: Option<String>,
}

type Env<'a> = HashMap<&'a str, &'a str>;

impl Agents {
    /// The agent that `image` is or was started by. An editor is none, whatever its environment.
    #[must_use]
    pub fn recognise(&self, image: &Image<'_>) -> Option<Recognised> {
        let script = self.script(image);
        let found = |host: bool| {
            let mut agents = self.entries.iter().filter(move |agent| agent.host == host);
            agents.find_map(|agent| Some((agent, program(agent, image, script.as_deref())?)))
        };
        // An editor's extension may bring an agent's program along, so agents come first.
        if let Some((agent, by)) = found(false) {
            return Some(recognised(agent, by, Strength::Strong, image));
        }
        if image.env.is_empty() || found(true).is_some() {
            return None;
        }
        let env = image.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.marked(&env, image).or_else(|| self.named(&env, image))
    }

    /// The script that an interpreter was told to run, or `-m MODULE`.
    fn script(&self, image: &Image<'_>) -> Option<String> {
        if !self.interpreters.is_match(basename(image.executable)) {
            return None;
        }
        let mut args = image.args.iter().skip(1).map(String::as_str);
        while let Some(arg) = args.next() {
            match arg {
                "-m" => return args.next().map(|module| format!("-m {module}")),
                "-c" | "-e" | "-p" | "--eval" | "--print" => return None,
                "-r" | "--require" | "--import" | "--loader" | "-cp" | "-W" | "-X" => drop(args.next()),
                "run" | "x" | "-jar" => {}
                flag if flag.starts_with('-') => {}
                script => return Some(script.to_owned()),
            }
        }
        None
    }

    fn marked(&self, env: &Env<'_>, image: &Image<'_>) -> Option<Recognised> {
        self.entries.iter().find_map(|agent| {
            let marks = agent.markers.iter().find(|marks| marks.iter().all(|mark| holds(mark, env)))?;
            let names: Vec<_> = marks.iter().map(|mark| mark.variable.as_str()).collect();
            let by = format!("environment {}", names.join(" and "));
            Some(recognised(agent, by, Strength::Marker, image))
        })
    }

    /// By `AI_AGENT` or `AGENT`: a name, with an optional `@version`.
    fn named(&self, env: &Env<'_>, image: &Image<'_>) -> Option<Recognised> {
        self.name_variables.iter().find_map(|variable| {
            let value = env.get(variable.as_str())?;
            let name = value.split('@').next().unwrap_or(value).trim().to_lowercase();
            if self.name_ignored.contains(&name) {
                return None;
            }
            let by = format!("environment {variable}");
            Some(match self.named.get(&name).and_then(|index| self.entries.get(*index)) {
                Some(agent) => recognised(agent, by, Strength::Marker, image),
                None => Recognised {
                    agent: UNKNOWN.to_owned(),
                    by,
                    strength: Strength::Marker,
                    approval_off: None,
                },
            })
        })
    }
}

/// How the program itself shows that it is the agent.
fn program(agent: &Agent, image: &Image<'_>, script: Option<&str>) -> Option<String> {
    let name = basename(image.executable);
    if agent.executables.contains(name) {
        return Some(format!("executable {name}"));
    }
    if agent.paths.is_match(image.executable) {
        return Some(format!("executable {}", image.executable));
    }
    let script = script?;
    let telling = agent.scripts.contains(basename(script)) || agent.argv.is_match(script);
    telling.then(|| format!("argv {script}"))
}

fn recognised(agent: &Agent, by: String, strength: Strength, image: &Image<'_>) -> Recognised {
    // Where only marks tell of the agent, the arguments are a child's.
    let args = if strength == Strength::Strong { image.args } else { &[] };
    let approval_off = agent.approval_off(args, image.env).map(str::to_owned);
    Recognised { agent: agent.id.clone(), by, strength, approval_off }
}

fn holds(marker: &Marker, env: &Env<'_>) -> bool {
    env.get(marker.variable.as_str()).is_some_and(|value| marker.holds(value))
}

#[cfg(test)]
mod tests;
