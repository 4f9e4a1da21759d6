//! How large the folders and the types of a crate are, read from the text of its sources. Tests are left out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What a type has: named fields, and methods in all of its `impl` blocks that are no trait's.
#[derive(Debug, Default)]
pub struct Size {
    pub fields: usize,
    pub methods: usize,
}

/// Folders below `root`, itself too, with how many source files stand in each.
pub fn folders(root: &Path) -> BTreeMap<PathBuf, usize> {
    let mut found = BTreeMap::new();
    for file in files(root) {
        *found.entry(file.parent().unwrap().to_path_buf()).or_default() += 1;
    }
    found
}

/// The types of the sources below `root`. Two of one name count as one.
pub fn types(root: &Path) -> BTreeMap<String, Size> {
    let mut found = BTreeMap::new();
    for file in files(root) {
        read(&fs::read_to_string(file).unwrap(), &mut found);
    }
    found
}

/// Types with an `impl` block of their own in a file that does not define them: what calls what is then no more told by the imports.
pub fn spread(root: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for file in files(root) {
        let text = fs::read_to_string(&file).unwrap();
        let names = strays(&text);
        found.extend(names.into_iter().map(|name| (file.clone(), name)));
    }
    found
}

fn strays(text: &str) -> Vec<String> {
    let defines = |name: &str| {
        text.lines().map(without_visibility).any(|line| {
            let rest = line.strip_prefix("struct ").or_else(|| line.strip_prefix("enum "));
            rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| !rest.starts_with(is_word))
        })
    };
    let blocks = text.lines().filter_map(head).filter(|(_, is_struct)| !is_struct).map(|(name, _)| name);
    blocks.filter(|name| !defines(name)).collect()
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    found
}

/// As rustfmt writes it: items begin at the margin, fields and methods one step in.
fn read(text: &str, found: &mut BTreeMap<String, Size>) {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, is_struct)) = head(line) else { continue };
        let size = found.entry(name).or_default();
        while let Some(line) = lines.next_if(|line| *line != "}") {
            let Some(inside) = line.strip_prefix("    ").filter(|inside| !inside.starts_with(' ')) else {
                continue;
            };
            let inside = without_visibility(inside);
            if is_struct {
                let field = inside.split_once(": ").map_or("", |(field, _)| field);
                size.fields += usize::from(!field.is_empty() && field.chars().all(is_word));
            } else {
                let mut inside = inside;
                for before in ["const ", "async ", "unsafe "] {
                    inside = inside.strip_prefix(before).unwrap_or(inside);
                }
                size.methods += usize::from(inside.starts_with("fn "));
            }
        }
    }
}

/// The type that a `struct` with named fields or an `impl` of its own begins, and which of both it is.
fn head(line: &str) -> Option<(String, bool)> {
    let line = without_visibility(line.strip_suffix(" {")?);
    if let Some(rest) = line.strip_prefix("struct ") {
        return Some((rest.chars().take_while(|letter| is_word(*letter)).collect(), true));
    }
    let rest = line.strip_prefix("impl")?;
    let rest =
        rest.strip_prefix('<').map_or(Some(rest), |rest| rest.split_once("> ").map(|(_, rest)| rest))?;
    let rest = rest.trim_start();
    (!rest.contains(" for ")).then(|| (rest.chars().take_while(|letter| is_word(*letter)).collect(), false))
}

fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    let rest = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        None => rest,
    };
    rest.strip_prefix(' ').unwrap_or(line)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_methods_of_a_type_are_counted_over_all_of_its_blocks() {
        let text = "/// Doc.\npub struct A<'a> {\n    /// One: first.\n    pub(super) one: u8,\n    two: &'a str,\n}\n\n\
            struct B(u8);\n\nimpl<'a> A<'a> {\n    pub const fn new() -> Self {\n        let x: u8 = 1;\n    }\n\n    \
            fn of(&self) {}\n}\n\nimpl Default for A<'_> {\n    fn default() -> Self {\n    }\n}\n\nimpl B {\n    \
            pub fn two(&self) {}\n}\n\nimpl A<'_> {\n    const X: u8 = 1;\n    fn third() {}\n}\n\n\
            #[cfg(test)]\nmod tests {\n}\n";
        let mut found = BTreeMap::new();
        read(text, &mut found);
        let sizes: Vec<_> =
            found.iter().map(|(name, size)| (name.as_str(), size.fields, size.methods)).collect();
        assert_eq!(sizes, [("A", 2, 3), ("B", 0, 1)]);
    }

    #[test]
    fn a_type_whose_methods_stand_elsewhere_is_found() {
        let text = "pub enum A {\n}\n\nimpl A {\n}\n\nimpl super::B {\n}\n\nimpl Bc {\n}\n\nimpl D for B {\n}\n\nstruct Bcd;\n";
        assert_eq!(strays(text), ["super", "Bc"]);
    }
}
