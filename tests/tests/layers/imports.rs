//! Which file of a crate imports from which, read from the text of its sources.
//!
//! A name is looked for in the file that defines it: a `pub use` of a parent is followed, so that a parent may hand on what
//! its children define. Tests may look at anything and are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Module path of a file → those of the files that it imports from. The crate's root is the empty path.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// One file: the paths of its own crate that it names, and the names that it hands on, with what each stands for.
#[derive(Default)]
struct File {
    named: Vec<String>,
    handed_on: BTreeMap<String, String>,
}

type Files = BTreeMap<String, File>;

/// The imports of the crate whose sources lie in `root`.
pub fn imports(root: &Path) -> Imports {
    let mut found = Vec::new();
    sources(root, &mut found);
    let read = |path: &PathBuf| {
        let name = module(root, path);
        let file = file(&name, &fs::read_to_string(path).unwrap());
        (name, file)
    };
    between(&found.iter().map(read).collect())
}

/// The files that form circles, each with those of them that it imports from.
pub fn circles(imports: &Imports) -> Imports {
    let of = |(file, others): (&String, &BTreeSet<String>)| {
        let back = |other: &&String| reached(imports, other).contains(file.as_str());
        (file.clone(), others.iter().filter(back).cloned().collect())
    };
    imports.iter().map(of).filter(|(_, others): &(_, BTreeSet<String>)| !others.is_empty()).collect()
}

/// The file itself, and all that it imports from, and they in turn.
fn reached<'i>(imports: &'i Imports, file: &'i str) -> BTreeSet<&'i str> {
    let (mut found, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(imports[file].iter().map(String::as_str));
        }
    }
    found
}

/// The sources below `folder` that are no tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_stem().is_some_and(|name| name == "tests" || name == "testing") {
            continue;
        }
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
}

fn module(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    match relative.to_str().unwrap() {
        "lib" | "main" => String::new(),
        path => path.replace('/', "::"),
    }
}

fn joined(before: &str, name: &str) -> String {
    match name {
        "super" => before.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned()),
        _ if before.is_empty() => name.to_owned(),
        _ => format!("{before}::{name}"),
    }
}

/// `a::{b, c::{self, d as e}}` → `a::b` as `b`, `a::c` as `c`, `a::c::d` as `e`.
fn flatten(tree: &str, before: &str, found: &mut Vec<(String, String)>) {
    let tree = tree.trim();
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
        Some((name, rest)) if !name.contains('{') => flatten(rest, &joined(before, name), found),
        _ => {
            let (name, bound) = tree.split_once(" as ").unwrap_or((tree, tree));
            let path = if name == "self" { before.to_owned() } else { joined(before, name) };
            let bound = if bound == "self" { path.rsplit("::").next().unwrap_or_default() } else { bound };
            let bound = bound.to_owned();
            found.push((path, bound));
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The path at the begin of `text`, or the tree that a `use` hangs on it: `a::b`, `a::{b, c}`, `a as b`.
fn tree(text: &str) -> &str {
    let mut at = 0;
    loop {
        at += text[at..].find(|letter| !is_word(letter)).unwrap_or(text.len() - at);
        let Some(rest) = text[at..].strip_prefix("::") else { break };
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
    let alias = text[at..]
        .strip_prefix(" as ")
        .map_or(0, |rest| " as ".len() + rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()));
    &text[..at + alias]
}

/// Whether what stands before a path makes it a `use` that others may use in turn.
fn hands_on(before: &str) -> bool {
    let line = before.trim_end().strip_suffix("use").and_then(|line| line.lines().last());
    line.is_some_and(|line| line.trim_start().starts_with("pub"))
}

/// Reads every path of the file's own crate, in its imports and in its code.
fn file(module: &str, text: &str) -> File {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: String = text.lines().filter_map(|line| line.split("//").next()).collect::<Vec<_>>().join("\n");
    let children = code
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix(';')?.split_once("mod ").map(|(_, name)| name));
    let mut file = File::default();
    for (start, is_child) in ["crate", "super", "self"]
        .into_iter()
        .map(|start| (start, false))
        .chain(children.map(|name| (name, true)))
    {
        let mut end = 0;
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let earlier = &code[..at];
            // One inside of a tree was read with it.
            if at < end
                || earlier.ends_with(|letter| is_word(letter) || letter == ':' || letter == '.')
                || earlier.ends_with("pub(in ")
            {
                continue;
            }
            let (mut rest, mut before) = (tree(&code[at..]), module);
            end = at + rest.len();
            if matches!(start, "crate" | "self") && !is_child {
                rest = &rest[start.len() + 2..];
            }
            if start == "crate" {
                before = "";
            }
            let mut found = Vec::new();
            flatten(rest, before, &mut found);
            file.named.extend(found.iter().map(|(path, _)| path.clone()));
            if hands_on(earlier) {
                file.handed_on.extend(found.into_iter().map(|(path, bound)| (bound, path)));
            }
        }
    }
    file
}

/// The file that defines what `path` names.
fn home<'f>(files: &'f Files, path: &str) -> &'f str {
    let mut path = path.to_owned();
    loop {
        let mut end = path.len();
        while !files.contains_key(&path[..end]) {
            assert_ne!(end, 0, "{path} is in no file");
            end = path[..end].rfind("::").unwrap_or_default();
        }
        let (module, file) = files.get_key_value(&path[..end]).unwrap();
        let rest = path[end..].trim_start_matches("::");
        let (name, further) = rest.split_at(rest.find("::").unwrap_or(rest.len()));
        match file.handed_on.get(name) {
            Some(whole) => path = format!("{whole}{further}"),
            None => return module,
        }
    }
}

fn between(files: &Files) -> Imports {
    let of = |(module, file): (&String, &File)| {
        let homes = file.named.iter().map(|path| home(files, path).to_owned());
        (module.clone(), homes.filter(|other| other != module).collect())
    };
    files.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(found: &[(String, String)]) -> Vec<&str> {
        found.iter().map(|(path, _)| path.as_str()).collect()
    }

    /// The imports between files of these names and texts.
    fn of(files: &[(&str, &str)]) -> Imports {
        between(&files.iter().map(|(module, text)| ((*module).to_owned(), file(module, text))).collect())
    }

    #[test]
    fn a_tree_of_imports_is_read() {
        let mut found = Vec::new();
        flatten("{kernel::{self, Memory as _, abi::{A, B}}, maps::C,}", "", &mut found);
        assert_eq!(
            paths(&found),
            ["kernel", "kernel::Memory", "kernel::abi::A", "kernel::abi::B", "maps::C"]
        );
    }

    #[test]
    fn every_way_to_name_another_file_is_seen() {
        let text = "use crate::a::{b, c as d};\npub(crate) use super::super::e;\nmod child; // crate::not\n    use self::f::G;\n\
                    fn x() { crate::h::i(); child::j(); other::child::k(); $crate::l::m }\n";
        let mut found = file("top::middle::own", text).named;
        found.sort();
        assert_eq!(
            found,
            [
                "a::b",
                "a::c",
                "h::i",
                "l::m",
                "top::e",
                "top::middle::own::child::j",
                "top::middle::own::f::G"
            ]
        );
    }

    #[test]
    fn a_parent_is_found_inside_of_a_tree() {
        let text = "use super::{\n    super::act::A,\n    plan::B,\n};\n";
        assert_eq!(file("top::middle::own", text).named, ["top::act::A", "top::middle::plan::B"]);
    }

    #[test]
    fn what_a_parent_hands_on_is_its_childs() {
        let parent = "mod one;\nmod two;\npub(crate) use self::{one::{A, B as C}, two};\nuse two::D;\n";
        let other = "use crate::parent::{A, C, two::D};\n";
        let imports =
            of(&[("", ""), ("parent", parent), ("parent::one", ""), ("parent::two", ""), ("other", other)]);
        assert_eq!(imports["other"], BTreeSet::from(["parent::one".to_owned(), "parent::two".to_owned()]));
    }

    #[test]
    fn a_child_that_takes_its_parents_own_is_a_circle_with_it() {
        let parent = "mod child;\nuse child::A;\npub struct B;\n";
        let above = ("above", "use crate::parent::B;\n");
        let circle = of(&[("parent", parent), ("parent::child", "use super::B;\n"), above, ("", "")]);
        let files: Vec<String> = circles(&circle).into_keys().collect();
        assert_eq!(files, ["parent", "parent::child"]);
        let straight = of(&[("parent", parent), ("parent::child", ""), above, ("", "")]);
        assert!(circles(&straight).is_empty());
    }

    #[test]
    fn a_test_beside_the_code_imports_nothing_for_it() {
        let text = "use super::a;\n\n#[cfg(test)]\nmod tests {\n    use super::b;\n}\n";
        assert_eq!(file("own", text).named, ["a"]);
    }
}
