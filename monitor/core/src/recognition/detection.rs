//! Telling an agent by what a program is started as.
//!
//! Three kinds of evidence, strongest first: the program's own name or path; the script that an interpreter runs; marks
//! in the environment that only agents' children have. Marks that people's shells have as well (`CLAUDECODE=1` in an
//! editor's terminal) never make a session. Absence proves nothing: a program can unset every mark, so lineage, once
//! established, is never taken back.

mod image;
mod started;

use std::collections::HashMap;

use self::started::Started;
pub use self::{
    image::{Image, Seen},
    started::Shown,
};
use crate::catalog::{
    agents::{Agent, Agents, Marker, UNKNOWN},
    names,
};

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
    /// The mark is one variable that the agent sets for its commands; a pair is also what surroundings may have.
    pub is_set_by_agent: bool,
    /// What told the agent to ask nobody: `--yolo`, `GOOSE_MODE`.
    pub approval_off: Option<String>,
}

type Env<'a> = HashMap<&'a str, &'a str>;

impl Agents {
    /// The agent that `image` is or was started by. An editor is none, whatever its environment.
    #[must_use]
    pub fn recognise(&self, image: &Image<'_>) -> Option<Recognised> {
        let started = Started::read(image, |base| self.interprets(base));
        let found = |host: bool| {
            let mut agents = self.entries.iter().filter(move |agent| agent.host == host);
            agents.find_map(|agent| Some((agent, started.shows(agent)?)))
        };
        // An editor's extension may bring an agent's program along, so agents come first.
        if let Some((agent, shown)) = found(false) {
            return Some(recognised(agent, shown.by, Strength::Strong, image));
        }
        if image.env.is_empty() || found(true).is_some() {
            return None;
        }
        let env = image.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.marked(&env, image).or_else(|| self.named(&env, image))
    }

    /// Whether a closer look may tell more: the program's name is one that agents have too, or a title stands where the
    /// arguments were.
    #[must_use]
    pub fn is_hinted(&self, image: &Image<'_>) -> bool {
        let started = Started::read(image, |base| self.interprets(base));
        started.hints(|base| self.has_program(base))
    }

    /// The script that the program runs, or is; `-m MODULE` for a module.
    #[must_use]
    pub fn script(&self, image: &Image<'_>) -> Option<String> {
        Started::read(image, |base| self.interprets(base)).into_script()
    }

    /// Whether an environment shows the same agent by the same mark.
    #[must_use]
    pub fn is_marked_alike(&self, env: &[(String, String)], found: &Recognised) -> bool {
        let image = Image { executable: "", args: &[], env, seen: Seen::default() };
        self.recognise(&image).is_some_and(|other| (&other.agent, &other.by) == (&found.agent, &found.by))
    }

    /// The agent whose own program the process runs, and how that shows; `None` for tools that the agent brings along or
    /// starts, and for editors.
    #[must_use]
    pub fn own_program(&self, image: &Image<'_>) -> Option<(&str, Shown)> {
        let started = Started::read(image, |base| self.interprets(base));
        let agents = self.entries.iter().filter(|agent| !agent.host);
        let (agent, shown) = agents.filter_map(|agent| Some((agent, started.shows(agent)?))).next()?;
        // One file may be several programs, told apart by the name that they are started under: `rg` of Claude Code.
        (started.is_script() || started.is_called_like(agent, image)).then_some((agent.id.as_str(), shown))
    }

    /// Whether the program is an editor, or a part of one.
    #[must_use]
    pub fn is_host(&self, image: &Image<'_>) -> bool {
        let started = Started::read(image, |base| self.interprets(base));
        self.entries.iter().any(|agent| agent.host && started.shows(agent).is_some())
    }

    /// Whether the agent is one of an editor, which sets its marks itself.
    #[must_use]
    pub fn is_of_host(&self, id: &str) -> bool {
        self.entries.iter().any(|agent| agent.host && agent.id == id)
    }

    fn interprets(&self, base: &str) -> bool {
        names(base).any(|name| self.interpreters.is_match(name))
    }

    fn marked(&self, env: &Env<'_>, image: &Image<'_>) -> Option<Recognised> {
        self.entries.iter().find_map(|agent| {
            let marks = agent.markers.iter().find(|marks| marks.iter().all(|mark| holds(mark, env)))?;
            let names: Vec<_> = marks.iter().map(|mark| mark.variable.as_str()).collect();
            let by = format!("environment {}", names.join(" and "));
            let is_set_by_agent = marks.len() == 1;
            Some(Recognised { is_set_by_agent, ..recognised(agent, by, Strength::Marker, image) })
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
                    is_set_by_agent: true,
                    approval_off: None,
                },
            })
        })
    }
}

fn recognised(agent: &Agent, by: String, strength: Strength, image: &Image<'_>) -> Recognised {
    // Where only marks tell of the agent, the arguments are a child's.
    let args = if strength == Strength::Strong { image.args } else { &[] };
    let approval_off = agent.approval_off(args, image.env).map(str::to_owned);
    Recognised { agent: agent.id.clone(), by, strength, is_set_by_agent: true, approval_off }
}

fn holds(marker: &Marker, env: &Env<'_>) -> bool {
    env.get(marker.variable.as_str()).is_some_and(|value| marker.holds(value))
}

#[cfg(test)]
mod tests;
