//! What was measured, held against the catalogue and against what Interlock promises.

use std::{collections::BTreeMap, fmt};

use interlock_core::{
    catalog::{Catalog, agents::UNKNOWN},
    facts::DestinationClass,
    recognition::detection::{Image, Seen, Strength},
};
use serde::Serialize;

use super::{
    agent::Agent,
    measure::{Measured, Run, Session},
    trial::{CALM, GRAVE, HARMLESS, INCIDENT, START, STORE},
};

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The agent did not ask its model, or its tool ran no command: the run proves nothing.
    DidNotRun,
    /// It ran without a session.
    NotRecognised,
    /// It was recognised, but not by what it was started as.
    ByMarker,
    /// It was taken for another agent.
    OtherAgent,
    /// One run is several sessions.
    SeveralSessions,
    /// An alert about its own start, or about harmless work.
    Alert,
    /// The same, but held, refused or frozen.
    Stopped,
    /// Harmless work whose request did not arrive.
    NotArrived,
    /// A host that it asks by itself counts as a place where something can be destroyed.
    GraveHost,
    /// The foreign credential was read and not seen.
    ReadUnseen,
    /// The incident's connection was not held.
    NotHeld,
    /// Bytes of the incident's request arrived.
    Passed,
}

impl Kind {
    const ALL: [(Self, &str); 12] = [
        (Self::DidNotRun, "did-not-run"),
        (Self::NotRecognised, "not-recognised"),
        (Self::ByMarker, "by-marker"),
        (Self::OtherAgent, "other-agent"),
        (Self::SeveralSessions, "several-sessions"),
        (Self::Alert, "alert"),
        (Self::Stopped, "stopped"),
        (Self::NotArrived, "not-arrived"),
        (Self::GraveHost, "grave-host"),
        (Self::ReadUnseen, "read-unseen"),
        (Self::NotHeld, "not-held"),
        (Self::Passed, "passed"),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name);
        formatter.write_str(name)
    }
}

/// One line of the laboratory's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub agent: String,
    pub run: String,
    pub kind: Kind,
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}: {}", self.agent, self.run, self.kind, self.what)
    }
}

/// The catalogue's answers to what was measured.
#[derive(Debug)]
pub struct Judge<'a> {
    pub catalog: &'a Catalog,
}

impl Judge<'_> {
    /// Everything that differs, but for what the data file calls known.
    #[must_use]
    pub fn differences(&self, measured: &Measured, agent: &Agent) -> Vec<Difference> {
        let name = format!("{} {}", measured.id, measured.version);
        let mut all = Vec::new();
        for (run, facts) in &measured.runs {
            let mut found = self.recognition(facts, agent);
            found.extend(match run.as_str() {
                name if name == INCIDENT.name => incident(facts),
                name if name == CALM.name => calm(facts),
                _ => start(facts),
            });
            if run == START.name {
                found.extend(self.hosts(facts));
            }
            let difference = |(kind, what)| Difference { agent: name.clone(), run: run.clone(), kind, what };
            all.extend(found.into_iter().map(difference));
        }
        let is_known = |difference: &Difference| {
            let kind = difference.kind.to_string();
            // It is known that it gets no further.
            (agent.only_started.is_some() && difference.kind == Kind::DidNotRun)
                || agent.known.keys().any(|known| *known == kind || difference.what.contains(known))
        };
        all.retain(|difference| !is_known(difference));
        all
    }

    fn recognition(&self, run: &Run, agent: &Agent) -> Vec<(Kind, String)> {
        let expected = agent.agent();
        let Some(first) = run.sessions.first() else {
            return vec![(Kind::NotRecognised, "it ran without a session".to_owned())];
        };
        let mut found = Vec::new();
        if first.agent != expected {
            found.push((Kind::OtherAgent, format!("taken for {}", first.agent)));
        }
        if by_marker(first) {
            found.push((Kind::ByMarker, format!("only by {}", first.by)));
        }
        if run.sessions.len() > 1 {
            let all: Vec<String> =
                run.sessions.iter().map(|one| format!("{} ({})", base(&one.executable), one.by)).collect();
            found.push((Kind::SeveralSessions, all.join(", ")));
        }
        found
    }

    fn hosts(&self, run: &Run) -> Vec<(Kind, String)> {
        let grave =
            |host: &&String| matches!(self.class(host), DestinationClass::Infra | DestinationClass::Database);
        let difference =
            |host: &String| (Kind::GraveHost, format!("{host}, class {:?}", self.class(host)).to_lowercase());
        run.hosts.iter().filter(grave).map(difference).collect()
    }

    /// The class of a host by its name.
    #[must_use]
    pub fn class(&self, host: &str) -> DestinationClass {
        self.catalog.destinations.classify(host).map_or(DestinationClass::Unknown, |(class, _)| class)
    }

    /// Whether a variable alone, `NAME=VALUE`, shows the catalogue which agent set it.
    #[must_use]
    pub fn is_marker(&self, variable: &str, agent: &str) -> bool {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let env = [(name.to_owned(), value.to_owned())];
        let image = Image { executable: "", args: &[], env: &env, seen: Seen::default() };
        let found = self.catalog.agents.recognise(&image);
        found.is_some_and(|found| {
            found.strength == Strength::Marker && [agent, UNKNOWN].contains(&found.agent.as_str())
        })
    }
}

/// Whether only what its commands carry shows the agent.
#[must_use]
pub fn by_marker(session: &Session) -> bool {
    session.by.trim_start_matches("adopted, ").starts_with("environment ")
}

fn ran(run: &Run, commands: usize) -> Option<(Kind, String)> {
    if run.protocols.is_empty() {
        return Some((Kind::DidNotRun, format!("its model was not asked: {}", run.output)));
    }
    (run.commands < commands).then(|| {
        let offered: Vec<&str> = run.tools.iter().map(String::as_str).collect();
        let offered =
            if offered.is_empty() { String::new() } else { format!("; it offers {}", offered.join(" ")) };
        (Kind::DidNotRun, format!("{} of {commands} commands ran{offered}", run.commands))
    })
}

/// Nothing may be said about it.
fn silent(run: &Run) -> impl Iterator<Item = (Kind, String)> {
    let difference = |kind: Kind, all: &BTreeMap<String, u64>| -> Vec<(Kind, String)> {
        all.iter()
            .map(|(what, times)| (kind, if *times > 1 { format!("{what} ×{times}") } else { what.clone() }))
            .collect()
    };
    difference(Kind::Alert, &run.alerts).into_iter().chain(difference(Kind::Stopped, &run.stopped))
}

fn start(run: &Run) -> Vec<(Kind, String)> {
    ran(run, 0).into_iter().chain(silent(run)).collect()
}

fn calm(run: &Run) -> Vec<(Kind, String)> {
    let mut found: Vec<(Kind, String)> =
        ran(run, CALM.commands.len()).into_iter().chain(silent(run)).collect();
    let arrived = run.target.get(HARMLESS).is_some_and(|target| target.with_data > 0);
    if found.is_empty() && !arrived {
        found.push((Kind::NotArrived, format!("nothing came to {HARMLESS}")));
    }
    found
}

fn incident(run: &Run) -> Vec<(Kind, String)> {
    if let Some(found) = ran(run, INCIDENT.commands.len()) {
        return vec![found];
    }
    let target = run.target.get(GRAVE).copied().unwrap_or_default();
    let mut found = Vec::new();
    if !run.read.iter().any(|read| read.starts_with(STORE)) {
        found.push((Kind::ReadUnseen, STORE.to_owned()));
    }
    if !run.stopped.keys().any(|stopped| *stopped == format!("flow-held {GRAVE}")) {
        found.push((Kind::NotHeld, format!("{} connections to {GRAVE}", target.connections)));
    }
    if target.with_data > 0 {
        found.push((
            Kind::Passed,
            format!("{} of {} connections brought data", target.with_data, target.connections),
        ));
    }
    found
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
