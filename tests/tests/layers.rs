//! The layers of the kernel programs (docs/decisions/0029): each file looks only at layers before its own.
//!
//! In them, in the core, in the host, in the program and in xtask no files form a circle: none imports, itself or through others,
//! from one that imports from it. The daemon has layers too, and no type in it is large.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod layers {
    pub mod imports;
    pub mod sizes;
}

use std::{fs, path::Path};

use layers::{
    imports::{Imports, circles, imports},
    sizes::{folders, spread, types},
};

const LAYERS: [&str; 5] = ["maps", "kernel", "decide", "report", "hooks"];

fn imports_of(sources: &str) -> Imports {
    imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(sources))
}

/// The first part of a module's path.
fn room(module: &str) -> &str {
    module.split("::").next().unwrap()
}

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| *layer == room(module)).unwrap_or(LAYERS.len())
}

#[test]
fn each_layer_looks_only_at_those_before_it() {
    let imports = imports_of("monitor-ebpf/src");
    let all = || imports.iter().flat_map(|(from, others)| others.iter().map(move |to| (from, to)));
    assert!(all().count() > 200, "{imports:#?}");
    let upwards: Vec<_> = all().filter(|(from, to)| layer(to) > layer(from)).collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_files_form_a_circle() {
    for (sources, least) in [
        ("monitor-ebpf/src", 100),
        ("monitor/core/src", 100),
        ("monitor/host/src", 100),
        ("monitor/kubernetes/src", 5),
        ("monitor/src", 100),
        ("xtask/src", 100),
    ] {
        let imports = imports_of(sources);
        assert!(imports.values().flatten().count() >= least, "{sources}: {imports:#?}");
        let circles = circles(&imports);
        assert!(circles.is_empty(), "{sources}: {circles:#?}");
    }
}

/// The daemon's layers; what starts it and turns it stands above all.
const DAEMON: [&str; 6] = ["context", "apply", "intake", "process", "upkeep", "serve"];

#[test]
fn each_layer_of_the_daemon_looks_only_at_those_before_it() {
    let imports = imports_of("monitor/src");
    let inside = |module: &'_ str| module.strip_prefix("daemon::").map(str::to_owned);
    let place = |module: &str| DAEMON.iter().position(|name| *name == room(module)).unwrap_or(DAEMON.len());
    let all =
        imports.iter().flat_map(|(from, others)| others.iter().map(move |to| (inside(from), inside(to))));
    let all: Vec<(String, String)> = all.filter_map(|(from, to)| from.zip(to)).collect();
    assert!(all.len() > 200, "{all:#?}");
    let upwards: Vec<_> = all.iter().filter(|(from, to)| place(to) > place(from)).collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

/// Nothing in the daemon becomes what its engine was, one type that owns everything; and whoever opens a folder sees it at once.
#[test]
fn the_daemon_is_of_small_parts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor/src/daemon");
    let folders = folders(&root);
    assert!(folders.len() > 10, "{folders:#?}");
    let crowded: Vec<_> = folders.iter().filter(|(_, files)| **files > 8).collect();
    assert!(crowded.is_empty(), "{crowded:#?}");
    let spread = spread(&root);
    assert!(spread.is_empty(), "{spread:#?}");
    let types = types(&root);
    assert!(types.len() > 50, "{types:#?}");
    let big: Vec<_> = types.iter().filter(|(_, size)| size.fields > 15 || size.methods > 40).collect();
    assert!(big.is_empty(), "{big:#?}");
}

/// What the core may use: computing only. `tracing` hands lines to whoever listens and `jiff` is used without its clock (`clippy.toml`).
const CORE_USES: [&str; 15] = [
    "cel",
    "globset",
    "httparse",
    "jiff",
    "monitor-common",
    "regex",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "simple-dns",
    "strsim",
    "thiserror",
    "tracing",
];

#[test]
fn the_core_depends_on_nothing_that_reaches_the_machine() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor/core/Cargo.toml");
    let text = fs::read_to_string(manifest).unwrap();
    let (_, rest) = text.split_once("\n[dependencies]\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.starts_with('['));
    let names: Vec<&str> =
        lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, CORE_USES);
    for section in ["build-dependencies", "target."] {
        assert!(!text.contains(&format!("[{section}")), "[{section} in {text}");
    }
}
