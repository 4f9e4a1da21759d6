//! What is committed about clients fits together: the list, what was measured, the table.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use interlock_core::catalog::Catalog;
use interlock_lab::{
    client,
    coverage::{Coverage, Reasons},
    judge::Judge,
    records::{self, Records},
    table,
};

const LIST: &str = include_str!("../clients.yaml");
const MEASURED: &str = include_str!("../measured.jsonl");
const REASONS: &str = include_str!("../unconfirmed.yaml");
const TABLE: &str = include_str!("../../docs/clients.md");

#[test]
fn the_table_is_what_was_measured_and_what_the_catalogue_says_today() {
    let catalog = Catalog::builtin().unwrap();
    let clients = client::read(LIST).unwrap();
    let records: Records = records::read(MEASURED).unwrap();
    let reasons = Reasons::read(REASONS).unwrap();
    let table = table::document(&clients, &records, &reasons, &Judge { catalog: &catalog }).unwrap();
    let differs = TABLE.lines().zip(table.lines()).find(|(committed, now)| committed != now);
    assert_eq!(differs, None, "run `cargo xtask clients --table` and look at what it changes");
    assert_eq!(TABLE.lines().count(), table.lines().count(), "run `cargo xtask clients --table`");
}

#[test]
fn what_was_measured_is_of_the_version_in_the_list() {
    let clients = client::read(LIST).unwrap();
    let records: Records = records::read(MEASURED).unwrap();
    let old = |measured: &&interlock_lab::measure::Measured| {
        clients.iter().all(|client| client.id != measured.id || client.version() != measured.version)
    };
    let old: Vec<&str> = records.values().filter(old).map(|measured| measured.id.as_str()).collect();
    assert!(old.is_empty(), "run `cargo xtask clients --new`: {old:?}");
}

#[test]
fn the_catalogue_says_what_the_clients_do() {
    let catalog = Catalog::builtin().unwrap();
    let clients = client::read(LIST).unwrap();
    let records: Records = records::read(MEASURED).unwrap();
    let judge = Judge { catalog: &catalog };
    let mut differences = Vec::new();
    for client in &clients {
        let Some(measured) = records.get(&client.id) else { continue };
        differences
            .extend(judge.differences(measured, Some(client)).unwrap().iter().map(ToString::to_string));
    }
    assert_eq!(
        differences,
        Vec::<String>::new(),
        "enter it in the catalogue, or say in `known` why it is meant"
    );
}

#[test]
fn a_difference_that_is_meant_is_one() {
    let catalog = Catalog::builtin().unwrap();
    let records: Records = records::read(MEASURED).unwrap();
    let judge = Judge { catalog: &catalog };
    let mut stale = Vec::new();
    for client in client::read(LIST).unwrap() {
        let Some(measured) = records.get(&client.id).filter(|measured| measured.shows_something()) else {
            continue;
        };
        let all = judge.all(measured).unwrap();
        let is_stale = |subject: &&String| all.iter().all(|found| found.subject != **subject);
        stale.extend(client.known.keys().filter(is_stale).map(|subject| format!("{}: {subject}", client.id)));
    }
    assert_eq!(stale, Vec::<String>::new(), "there is no such difference any more");
}

#[test]
fn every_entry_of_the_catalogue_is_confirmed_by_a_run_or_has_its_reason() {
    let catalog = Catalog::builtin().unwrap();
    let records: Records = records::read(MEASURED).unwrap();
    let coverage = Coverage::new(&records, &Reasons::read(REASONS).unwrap(), &Judge { catalog: &catalog });
    for part in [&coverage.stores, &coverage.endpoints] {
        assert!(
            part.open.is_empty(),
            "run a client, or say why not in lab/unconfirmed.yaml: {:?}",
            part.open
        );
        assert!(part.stale.is_empty(), "confirmed, gone or named twice: {:?}", part.stale);
    }
}

#[test]
fn no_registry_is_named() {
    for word in ["npmjs.", "pythonhosted.", "rubygems.", "yarnpkg.", "crates.io"] {
        assert!(!MEASURED.contains(word) && !TABLE.contains(word), "{word}");
    }
}
