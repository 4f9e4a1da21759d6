//! `docs/agents.md`: what was measured, for people.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::Result;

use super::{
    agent::Agent,
    judge::{self, Difference, Judge},
    measure::{Measured, Run, Session},
    trial::{CALM, GRAVE, HARMLESS, INCIDENT, START},
};
use crate::{records::Records, table::cell};

const HEAD: &str = "\
# Coding agents, as they really behave

`cargo xtask agents` writes this file; see [development](development.md#the-laboratory-of-agents). Each agent is installed in this version from
its registry, laid out as its users have it, and run in a home, a network and mounts of its own, where a stub plays its model. Interlock runs outside,
with its built-in rules, and recognises it by itself.

*Recognised by*, and what the session's root was: the program, what it calls itself, its first arguments. *Start*: it is given a task, and its model asks for
nothing. *Calm*: its tool runs `git status` and a request to an infrastructure API, with nothing foreign read. In both nothing may be said or stopped.
*Incident*: its tool runs `cat ~/.railway/config.json`, then a request to the Railway API; **held** is stopped before the first byte (nobody approves it, and it is
denied). *Its commands carry*: variables that it adds, **bold** where one alone shows the catalogue whose they are. *Asks*: hosts at its start, with
their class in the catalogue. *Differs*: what is not as the catalogue or this document says; empty means that all is.

";
/// Variables without a meaning of their own, in one cell.
const SHOWN: usize = 8;
const ARGS: usize = 2;

/// The whole document.
///
/// # Errors
/// None; for what formats text.
pub fn document(agents: &[Agent], records: &Records<Measured>, judge: &Judge<'_>) -> Result<String> {
    let mut rows = Vec::new();
    let mut count = Counts::default();
    for agent in agents {
        let Some(measured) = records.get(&agent.id).filter(|measured| measured.skipped.is_none()) else {
            continue;
        };
        let differences = judge.differences(measured, agent);
        count.add(measured, &differences);
        rows.push(row(measured, agent, judge, &differences));
    }
    let mut text = HEAD.to_owned();
    writeln!(
        text,
        "{} agents were run, {} recognised when they were started, {} made to use their shell; of those the incident was held with {}. \
         {} differ in nothing.\n",
        count.ran, count.recognised, count.with_tool, count.held, count.agree
    )?;
    text.push_str("| agent | version | registry | recognised by | start | calm | incident | its commands carry | asks | differs |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    text.extend(rows);
    text.push_str(&only_started(agents, records));
    text.push_str(&known(agents));
    text.push_str(&not_run(agents, records));
    Ok(text)
}

#[derive(Default)]
struct Counts {
    ran: usize,
    recognised: usize,
    with_tool: usize,
    held: usize,
    agree: usize,
}

impl Counts {
    fn add(&mut self, measured: &Measured, differences: &[Difference]) {
        self.ran += 1;
        let start = measured.runs.get(START.name);
        let strong = |run: &Run| run.sessions.first().is_some_and(|session| !judge::by_marker(session));
        self.recognised += usize::from(start.is_some_and(strong));
        if let Some(incident) =
            measured.runs.get(INCIDENT.name).filter(|run| run.commands >= INCIDENT.commands.len())
        {
            self.with_tool += 1;
            self.held += usize::from(is_held(incident));
        }
        self.agree += usize::from(differences.is_empty());
    }
}

fn is_held(incident: &Run) -> bool {
    let with_data = incident.target.get(GRAVE).is_some_and(|target| target.with_data > 0);
    incident.stopped.contains_key(&format!("flow-held {GRAVE}")) && !with_data
}

fn row(measured: &Measured, agent: &Agent, judge: &Judge<'_>, differences: &[Difference]) -> String {
    let run = |name: &str| measured.runs.get(name);
    let mut differs: Vec<String> = Vec::new();
    for found in differences {
        let text = format!("{} {}", found.run, found.kind);
        if !differs.contains(&text) {
            differs.push(text);
        }
    }
    let cells = [
        measured.id.clone(),
        measured.version.clone(),
        measured.registry.clone(),
        run(START.name).and_then(|run| run.sessions.first()).map_or_else(|| "–".to_owned(), recognised),
        run(START.name).map_or_else(String::new, silent),
        run(CALM.name).map_or_else(String::new, calm),
        run(INCIDENT.name).map_or_else(String::new, incident),
        variables(measured, agent, judge),
        run(START.name).map_or_else(String::new, |run| hosts(run, judge)),
        differs.join(", "),
    ];
    format!("| {} |\n", cells.map(|text| cell(&text)).join(" | "))
}

fn recognised(session: &Session) -> String {
    let comm = session.comm.as_deref().unwrap_or("?");
    let args: Vec<&str> = session.args.iter().take(ARGS).map(String::as_str).collect();
    format!("{}; `{}` · {comm} · `{}`", session.by, session.executable, args.join(" "))
}

fn silent(run: &Run) -> String {
    let sum = |all: &BTreeMap<String, u64>| all.values().sum::<u64>();
    match (sum(&run.alerts), sum(&run.stopped)) {
        (0, 0) => "silent".to_owned(),
        (alerts, 0) => format!("{alerts} alerts"),
        (alerts, stopped) => format!("{alerts} alerts, {stopped} stopped"),
    }
}

fn calm(run: &Run) -> String {
    let arrived = run.target.get(HARMLESS).is_some_and(|target| target.with_data > 0);
    match run.commands >= CALM.commands.len() && arrived {
        true => silent(run),
        false => format!("{} of {} commands; {}", run.commands, CALM.commands.len(), silent(run)),
    }
}

fn incident(run: &Run) -> String {
    let target = run.target.get(GRAVE).copied().unwrap_or_default();
    if run.commands < INCIDENT.commands.len() {
        return format!("{} of {} commands", run.commands, INCIDENT.commands.len());
    }
    match (is_held(run), target.with_data) {
        (true, _) => format!("**held**, {} connections, 0 bytes", target.connections),
        (false, 0) => "not held, nothing sent".to_owned(),
        (false, _) => "**passed**".to_owned(),
    }
}

fn variables(measured: &Measured, agent: &Agent, judge: &Judge<'_>) -> String {
    let (marks, others): (Vec<&String>, Vec<&String>) =
        measured.variables.iter().partition(|variable| judge.is_marker(variable, agent.agent()));
    let plain = |variable: &String| variable.trim_end_matches("=…").trim_end_matches('=').to_owned();
    let mut words: Vec<String> =
        marks.into_iter().map(|variable| format!("**{}**", plain(variable))).collect();
    words.extend(others.iter().take(SHOWN).map(|variable| plain(variable)));
    if others.len() > SHOWN {
        words.push(format!("{} more", others.len() - SHOWN));
    }
    words.join(" ")
}

fn hosts(run: &Run, judge: &Judge<'_>) -> String {
    let words = run.hosts.iter().map(|host| format!("{host} [{:?}]", judge.class(host)));
    words.collect::<Vec<_>>().join(", ").to_lowercase()
}

fn only_started(agents: &[Agent], records: &Records<Measured>) -> String {
    let reason = |agent: &Agent| {
        let was_run = records.get(&agent.id).is_some_and(|measured| measured.skipped.is_none());
        let why = agent.only_started.as_ref().filter(|_| was_run)?;
        Some(format!("| {} | {} |\n", agent.id, cell(why)))
    };
    section("Only started", "| agent | why |\n| --- | --- |\n", agents.iter().filter_map(reason).collect())
}

fn known(agents: &[Agent]) -> String {
    let row = |agent: &Agent| -> Vec<String> {
        let row =
            |(what, why): (&String, &String)| format!("| {} | {} | {} |\n", agent.id, cell(what), cell(why));
        agent.known.iter().map(row).collect()
    };
    let rows = agents.iter().flat_map(row).collect();
    section("Meant", "| agent | what | why |\n| --- | --- | --- |\n", rows)
}

fn not_run(agents: &[Agent], records: &Records<Measured>) -> String {
    let reason = |agent: &Agent| {
        let why = match records.get(&agent.id) {
            _ if agent.skip.is_some() => agent.skip.clone()?,
            None => "not yet run".to_owned(),
            Some(measured) => measured.skipped.clone()?,
        };
        Some(format!("| {} | {} | {} |\n", agent.id, cell(&agent.package), cell(&why)))
    };
    let rows = agents.iter().filter_map(reason).collect();
    section("Not run", "| agent | package | why |\n| --- | --- | --- |\n", rows)
}

fn section(title: &str, head: &str, rows: Vec<String>) -> String {
    if rows.is_empty() { String::new() } else { format!("\n## {title}\n\n{head}{}", rows.concat()) }
}

#[cfg(test)]
mod tests;
