//! The shipped data against the research notes of August 2026, whose items lie beside this file, and against itself.

use serde_json::Value;

use super::{AGENTS, DESTINATIONS, SECRETS, builtin};
use crate::{
    catalog::{destinations::Destinations, secrets::Secrets},
    facts::DestinationClass,
};

const HOSTS: &str = include_str!("hosts.txt");
const PATHS: &str = include_str!("paths.txt");
const NOTED_AGENTS: &str = include_str!("agents.txt");

/// Headings with the items below them.
fn headings(text: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.starts_with('[') {
            true => found.push((line, Vec::new())),
            false => found.last_mut().unwrap().1.push(line),
        }
    }
    assert!(found.iter().all(|(_, items)| !items.is_empty()), "{found:#?}");
    found
}

fn items(headings: &[(&str, Vec<&str>)]) -> usize {
    headings.iter().map(|(_, items)| items.len()).sum()
}

fn entries(text: &str) -> Vec<Value> {
    let document: Value = serde_saphyr::from_str(text).unwrap();
    document["entries"].as_array().unwrap().clone()
}

fn strings<'a>(entry: &'a Value, field: &str) -> Vec<&'a str> {
    entry[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn every_host_of_the_notes_is_known_and_models_are_models() {
    let catalog = Destinations::builtin().unwrap();
    let headings = headings(HOSTS);
    for (heading, items) in &headings {
        for item in items {
            let port = item.strip_prefix(':').map(|port| port.parse().unwrap());
            let provider = match (port, item.parse()) {
                (Some(port), _) => catalog.classify_address("203.0.113.9".parse().unwrap(), port).1,
                (None, Ok(address)) => catalog.classify_address(address, 443).1,
                (None, Err(_)) => catalog.classify(item).map(|(_, provider)| provider),
            };
            assert!(provider.is_some(), "{heading}: {item} is not known");
            if heading.starts_with("[model]") {
                let class = catalog.classify(item).map(|(class, _)| class);
                assert_eq!(class, Some(DestinationClass::Model), "{heading}: {item}");
            }
        }
    }
    assert_eq!((headings.len(), items(&headings)), (40, 306));
}

#[test]
fn every_path_of_the_notes_is_a_secret() {
    let secrets = Secrets::builtin().unwrap();
    let headings = headings(PATHS);
    for (heading, items) in &headings {
        for item in items {
            let judged = secrets.judge(item, Some("/home/ann"), u32::MAX);
            assert!(judged.is_some(), "{heading}: {item} is not known");
        }
    }
    assert_eq!((headings.len(), items(&headings)), (12, 394));
}

#[test]
fn every_program_variable_and_flag_of_the_notes_is_in_its_agent_s_entry() {
    let entries = entries(AGENTS);
    let headings = headings(NOTED_AGENTS);
    for (heading, items) in &headings {
        let ids: Vec<&str> = heading.split_once("] ").unwrap().1.split(' ').collect();
        let texts: Vec<String> = entries
            .iter()
            .filter(|entry| ids.contains(&entry["id"].as_str().unwrap()))
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts.len(), ids.len(), "{heading}");
        for item in items {
            let quoted = [format!("\"{item}\""), format!("\"{item} ")];
            let mentioned = texts.iter().any(|text| quoted.iter().any(|quoted| text.contains(quoted)));
            assert!(mentioned, "{heading}: {item} is not mentioned");
        }
    }
    assert_eq!((headings.len(), items(&headings)), (35, 189));
}

#[test]
fn every_entry_says_where_its_facts_are_from() {
    for (file, text) in [("agents", AGENTS), ("secrets", SECRETS), ("destinations", DESTINATIONS)] {
        let entries = entries(text);
        assert!(entries.len() > 35, "{file}: {}", entries.len());
        for entry in &entries {
            let source = entry["source"].as_str().unwrap_or_default();
            assert!(!source.trim().is_empty(), "{file}: {}", entry["id"]);
            assert!(
                !source.split([' ', ';']).any(|word| word == "common"),
                "{file}: {}: {source}",
                entry["id"]
            );
        }
    }
}

#[test]
fn every_place_is_absolute_in_a_home_or_a_name() {
    let secrets = entries(SECRETS);
    let places =
        secrets.iter().flat_map(|entry| [strings(entry, "paths"), strings(entry, "except")].concat());
    let destinations = entries(DESTINATIONS);
    let sockets = destinations.iter().flat_map(|entry| strings(entry, "sockets"));
    for place in places.chain(sockets) {
        assert!(["/", "~/", "**/", "@"].iter().any(|start| place.starts_with(start)), "{place}");
    }
}

#[test]
fn no_host_is_in_two_classes_and_no_registry_is_listed() {
    let entries = entries(DESTINATIONS);
    let mut seen = std::collections::HashMap::new();
    for entry in &entries {
        let (id, class) = (entry["id"].as_str().unwrap(), entry["class"].as_str().unwrap());
        assert_ne!(class, "package", "{id}: registries are learned");
        for host in [strings(entry, "hosts"), strings(entry, "auth")].concat() {
            assert_eq!(seen.insert(host.to_owned(), id), None, "{host} is in {id} as well");
        }
    }
    let catalog = Destinations::builtin().unwrap();
    // Well-known registries, by the part that names them: nobody may list them.
    for host in
        ["registry.yarnpkg.com", "repo.maven.apache.org", "rubygems.org", "proxy.golang.org", "packagist.org"]
    {
        assert_eq!(catalog.classify(host), None, "{host}");
    }
    assert!(seen.len() > 250, "{}", seen.len());
}

#[test]
fn the_kernel_s_tables_have_room() {
    let catalog = builtin();
    let names = catalog.secrets.kernel_names().len() + catalog.delegate_socket_names().len();
    assert!(names < 16_384 / 8, "{names} names: sessions add their own");
    assert!(entries(SECRETS).len() < usize::try_from(monitor_common::policy::ENTRIES_MAX).unwrap());
}
