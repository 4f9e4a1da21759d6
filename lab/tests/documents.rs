//! What is committed about clients fits together: the list, what was measured, the table.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use interlock::catalog::Catalog;
use interlock_lab::{client, judge::Judge, records, table};

const LIST: &str = include_str!("../clients.yaml");
const MEASURED: &str = include_str!("../measured.jsonl");
const TABLE: &str = include_str!("../../docs/clients.md");

#[test]
fn the_table_is_what_was_measured_and_what_the_catalogue_says_today() {
    let catalog = Catalog::builtin().unwrap();
    let clients = client::read(LIST).unwrap();
    let records = records::read(MEASURED).unwrap();
    let table = table::document(&clients, &records, &Judge { catalog: &catalog }).unwrap();
    let differs = TABLE.lines().zip(table.lines()).find(|(committed, now)| committed != now);
    assert_eq!(differs, None, "run `cargo xtask clients --table` and look at what it changes");
    assert_eq!(TABLE.lines().count(), table.lines().count(), "run `cargo xtask clients --table`");
}

#[test]
fn what_was_measured_is_of_the_version_in_the_list() {
    let clients = client::read(LIST).unwrap();
    let records = records::read(MEASURED).unwrap();
    let old = |measured: &&interlock_lab::measure::Measured| {
        clients.iter().all(|client| client.id != measured.id || client.version() != measured.version)
    };
    let old: Vec<&str> = records.values().filter(old).map(|measured| measured.id.as_str()).collect();
    assert!(old.is_empty(), "run `cargo xtask clients --new`: {old:?}");
}

#[test]
fn no_registry_is_named() {
    for word in ["npmjs.", "pythonhosted.", "rubygems.", "yarnpkg.", "crates.io"] {
        assert!(!MEASURED.contains(word) && !TABLE.contains(word), "{word}");
    }
}
