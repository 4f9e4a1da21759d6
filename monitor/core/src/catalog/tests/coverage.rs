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
    assert_eq!((headings.len(), items(&headings)), (42, 439));
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
    assert_eq!((headings.len(), items(&headings)), (15, 564));
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
    assert_eq!((headings.len(), items(&headings)), (42, 238));
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

/// What is nobody's in particular, and so in no pack.
const OF_NO_PACK: [&str; 2] = ["database-port", "metadata"];

#[test]
fn every_control_plane_and_managed_database_is_in_a_pack_and_packs_are_not_empty() {
    let catalog = builtin();
    for entry in entries(DESTINATIONS) {
        let class = entry["class"].as_str().unwrap();
        let id = entry["id"].as_str().unwrap();
        if matches!(class, "infra" | "database") && !OF_NO_PACK.contains(&id) {
            assert!(entry["pack"].is_string(), "{id} is in no pack");
        }
    }
    let packs = catalog.packs();
    assert!(packs.iter().is_sorted_by(|a, b| a.name < b.name));
    assert!(packs.iter().all(|pack| pack.secrets + pack.destinations > 0));
    for name in ["aws", "gcp", "azure", "railway", "vercel", "supabase", "kubernetes", "github", "gitlab"] {
        let pack = packs.iter().find(|pack| pack.name == name);
        assert!(pack.is_some_and(|pack| pack.secrets > 0 && pack.destinations > 0), "{name}: {pack:?}");
    }
}

#[test]
fn a_pack_that_is_off_is_plain_for_hosts_and_taints_nothing_in_the_kernel() {
    let mut catalog = builtin();
    let tag = |catalog: &crate::catalog::Catalog, id: &str| {
        let entry = catalog.secrets.ids().position(|known| known == id).unwrap();
        catalog.secrets.kernel_tag(u32::try_from(entry).unwrap()).unwrap()
    };
    let keys = catalog.secrets.kernel_names().len();
    catalog.switch_off(&["aws", "kubernetes"].into());
    let class = |name: &str| catalog.destinations.classify(name);
    assert_eq!(class("ec2.eu-west-1.amazonaws.com"), Some((DestinationClass::Plain, "aws")));
    assert_eq!(class("db.eu.rds.amazonaws.com"), Some((DestinationClass::Plain, "aws-database")));
    assert_eq!(class("bedrock-runtime.eu.amazonaws.com"), Some((DestinationClass::Model, "aws-models")));
    assert_eq!(class("api.vercel.com"), Some((DestinationClass::Infra, "vercel")));
    let address = |text: &str| catalog.destinations.classify_address(text.parse().unwrap(), 6443);
    assert_eq!(address("203.0.113.9"), (DestinationClass::Plain, Some("kubernetes")));
    assert_eq!(address("10.0.0.1"), (DestinationClass::Local, Some("kubernetes")));
    assert_eq!(tag(&catalog, "aws").grade, 4, "no grade that the kernel has a taint for");
    assert_eq!(tag(&catalog, "railway-cli").grade, monitor_common::policy::GRADE_A);
    assert_eq!(catalog.secrets.kernel_names().len(), keys, "it is still reported");
    let verdicts = crate::rules::RuleSet::parse(&[(
        "a.yaml".into(),
        "version: 1\nbuiltin: replace\nrules: [{id: a, summary: s, on: open, match: {secret: any}, action: hold}]\n".into(),
    )])
    .unwrap()
    .open_verdicts(&catalog.secrets);
    let index = |id: &str| monitor_common::policy::open_index(tag(&catalog, id).entry, true) as usize;
    assert_eq!([verdicts[index("aws")], verdicts[index("railway-cli")]], [0, 2], "allow, ask");
    catalog.switch_off(&[].into());
    assert_eq!(tag(&catalog, "aws").grade, monitor_common::policy::GRADE_A);
}

#[test]
fn the_kernel_s_tables_have_room() {
    let catalog = builtin();
    let names = catalog.secrets.kernel_names().len() + catalog.delegate_socket_names().len();
    assert!(names < 16_384 / 8, "{names} names: sessions add their own");
    assert!(entries(SECRETS).len() < usize::try_from(monitor_common::policy::ENTRIES_MAX).unwrap());
}
