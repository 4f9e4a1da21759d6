//! The layers of the kernel programs (docs/decisions/0029): each file looks only at layers before its own, and no files form a circle.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LAYERS: [&str; 5] = ["maps", "kernel", "decide", "report", "hooks"];

/// Module path → the module paths that it imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
}

fn module(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    relative.to_str().unwrap().replace('/', "::")
}

/// `a::{b, c::{self, d}}` → `a::b`, `a::c`, `a::c::d`.
fn flatten(tree: &str, before: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let joined = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}::{name}") };
    if let Some(inner) = tree.strip_prefix('{').and_then(|tree| tree.strip_suffix('}')) {
        let (mut depth, mut start) = (0, 0);
        for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !inner[start..at].trim().is_empty() {
                        flatten(&inner[start..at], before, found);
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    match tree.split_once("::") {
        Some((name, rest)) if !name.contains('{') => flatten(rest, &joined(name), found),
        _ if tree == "self" => found.push(before.to_owned()),
        _ => found.push(joined(tree.split(" as ").next().unwrap())),
    }
}

/// What a file imports of its own crate, as whole paths.
fn imported(module: &str, text: &str) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let mut found = Vec::new();
    for part in text.split("\nuse ").skip(1).filter_map(|part| part.split_once(';').map(|(tree, _)| tree)) {
        if let Some(tree) = part.strip_prefix("crate::") {
            flatten(tree, "", &mut found);
        } else if let Some(tree) = part.strip_prefix("super::") {
            flatten(tree, parent, &mut found);
        } else if let Some(tree) = part.strip_prefix("self::") {
            flatten(tree, module, &mut found);
        }
    }
    found
}

fn imports() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor-ebpf/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let modules: BTreeSet<String> = files.iter().map(|file| module(&root, file)).collect();
    let of = |path: &str| {
        let mut path = path.to_owned();
        while !modules.contains(&path) {
            path.truncate(path.rfind("::")?);
        }
        Some(path)
    };
    let of_file = |file: &PathBuf| {
        let name = module(&root, file);
        let found = imported(&name, &fs::read_to_string(file).unwrap());
        let others = found.iter().filter_map(|path| of(path)).filter(|other| *other != name).collect();
        (name, others)
    };
    files.iter().map(of_file).collect()
}

fn layer(module: &str) -> usize {
    let first = module.split("::").next().unwrap();
    LAYERS.iter().position(|layer| *layer == first).unwrap_or(LAYERS.len())
}

#[test]
fn each_layer_looks_only_at_those_before_it() {
    let imports = imports();
    let all = || imports.iter().flat_map(|(from, others)| others.iter().map(move |to| (from, to)));
    assert!(all().count() > 100, "{imports:#?}");
    let upwards: Vec<_> = all().filter(|(from, to)| layer(to) > layer(from)).collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn no_files_form_a_circle() {
    let mut left = imports();
    // Whoever imports nothing that is left is in no circle.
    loop {
        let known: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, others| others.iter().any(|other| known.contains(other)));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_tree_of_imports_is_read() {
    let mut found = Vec::new();
    flatten("{kernel::{self, Memory as _, abi::{A, B}}, maps::C,}", "", &mut found);
    assert_eq!(found, ["kernel", "kernel::Memory", "kernel::abi::A", "kernel::abi::B", "maps::C"]);
}
