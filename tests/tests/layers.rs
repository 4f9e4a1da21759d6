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

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The path at the begin of `text`, or the tree that a `use` hangs on it: `a::b`, `a::{b, c}`.
fn tree(text: &str) -> &str {
    let mut at = 0;
    loop {
        at += text[at..].find(|letter| !is_word(letter)).unwrap_or(text.len() - at);
        let Some(rest) = text[at..].strip_prefix("::") else { return &text[..at] };
        if rest.starts_with('{') {
            let mut depth = 0;
            let is_end = |letter| {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                depth == 0
            };
            return &text[..at + 2 + rest.find(is_end).map_or(rest.len(), |end| end + 1)];
        }
        at += 2;
    }
}

/// Every path of the file's own crate, in its imports and in its code.
fn named(module: &str, text: &str) -> Vec<String> {
    let code: String = text.lines().filter_map(|line| line.split("//").next()).collect::<Vec<_>>().join("\n");
    let children = code
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix(';')?.split_once("mod ").map(|(_, name)| name));
    let mut found = Vec::new();
    for (start, is_child) in ["crate", "super", "self"]
        .into_iter()
        .map(|start| (start, false))
        .chain(children.map(|name| (name, true)))
    {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            if code[..at].ends_with(|letter| is_word(letter) || letter == ':' || letter == '.') {
                continue;
            }
            let (mut rest, mut before) = (tree(&code[at..]), module);
            if !is_child {
                rest = &rest[start.len() + 2..];
                if start == "crate" {
                    before = "";
                }
            }
            if start == "super" {
                before = before.rsplit_once("::").map_or("", |(parent, _)| parent);
                while let Some(further) = rest.strip_prefix("super::") {
                    (rest, before) = (further, before.rsplit_once("::").map_or("", |(parent, _)| parent));
                }
            }
            flatten(rest, before, &mut found);
        }
    }
    found
}

fn imports() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor-ebpf/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let modules: BTreeSet<String> = files.iter().map(|file| module(&root, file)).collect();
    let of = |named: &str| {
        let mut path = named.to_owned();
        while !modules.contains(&path) {
            let shorter = path.rfind("::");
            path.truncate(shorter.unwrap_or_else(|| panic!("{named} is in no file of its own")));
        }
        path
    };
    let of_file = |file: &PathBuf| {
        let name = module(&root, file);
        let found = named(&name, &fs::read_to_string(file).unwrap());
        let others = found.iter().map(|path| of(path)).filter(|other| *other != name).collect();
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
    assert!(all().count() > 200, "{imports:#?}");
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

#[test]
fn every_way_to_name_another_file_is_seen() {
    let text = "use crate::a::{b, c as d};\npub(crate) use super::super::e;\nmod child; // crate::not\n    use self::f::G;\n\
                fn x() { crate::h::i(); child::j(); other::child::k(); $crate::l::m }\n";
    let mut found = named("top::middle::own", text);
    found.sort();
    assert_eq!(
        found,
        ["a::b", "a::c", "h::i", "l::m", "top::e", "top::middle::own::child::j", "top::middle::own::f::G"]
    );
}

/// What the core may use: computing only. `tracing` hands lines to whoever listens and `jiff` is used without its clock (`clippy.toml`).
const CORE_USES: [&str; 15] = [
    "cel",
    "globset",
    "httparse",
    "jiff",
    "monitor-common",
    "regex",
    "serde",
    "serde-saphyr",
    "serde_json",
    "serde_path_to_error",
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
