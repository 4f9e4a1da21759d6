//! What is committed about agents fits together: the list, what was measured, the table.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use interlock_core::catalog::Catalog;
use interlock_lab::{
    agents::{
        agent,
        judge::Judge,
        measure::Measured,
        table,
        trial::{CALM, INCIDENT, START},
    },
    records::{self, Records},
};

const LIST: &str = include_str!("../agents.yaml");
const MEASURED: &str = include_str!("../agents-measured.jsonl");
const TABLE: &str = include_str!("../../docs/agents.md");

#[test]
fn the_table_is_what_was_measured_and_what_the_catalogue_says_today() {
    let catalog = Catalog::builtin().unwrap();
    let agents = agent::read(LIST).unwrap();
    let records = records::read(MEASURED).unwrap();
    let table = table::document(&agents, &records, &Judge { catalog: &catalog }).unwrap();
    let differs = TABLE.lines().zip(table.lines()).find(|(committed, now)| committed != now);
    assert_eq!(differs, None, "run `cargo xtask agents --table` and look at what it changes");
    assert_eq!(TABLE.lines().count(), table.lines().count(), "run `cargo xtask agents --table`");
}

#[test]
fn every_agent_is_one_of_the_catalogue() {
    let catalog = Catalog::builtin().unwrap();
    let agents = agent::read(LIST).unwrap();
    let unknown: Vec<&str> =
        agents.iter().map(agent::Agent::agent).filter(|agent| catalog.agents.name(agent).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn what_was_measured_is_of_the_version_in_the_list_and_has_all_its_runs() {
    let agents = agent::read(LIST).unwrap();
    let records: Records<Measured> = records::read(MEASURED).unwrap();
    for agent in &agents {
        let Some(measured) = records.get(&agent.id) else {
            panic!("run `cargo xtask agents --only {}`", agent.id)
        };
        assert_eq!(measured.version, agent.version(), "run `cargo xtask agents --only {}`", agent.id);
        if measured.skipped.is_some() {
            continue;
        }
        let runs: Vec<&str> = measured.runs.keys().map(String::as_str).collect();
        let expected = if agent.only_started.is_some() {
            vec![START.name]
        } else {
            vec![CALM.name, INCIDENT.name, START.name]
        };
        assert_eq!(runs, expected, "{}", agent.id);
    }
    assert!(records.keys().all(|id| agents.iter().any(|agent| agent.id == *id)));
}

#[test]
fn no_registry_is_named() {
    for word in ["npmjs.", "pythonhosted.", "yarnpkg.", "pypi.org", "proxy.golang"] {
        assert!(!MEASURED.contains(word) && !TABLE.contains(word), "{word}");
    }
}
