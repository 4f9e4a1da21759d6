//! From the catalogue's text to its platforms and runtimes.

use super::{FILE, Platform, Runtime, Source, Workspaces};
use crate::{
    catalog::{
        digest::Digest,
        fields::texts,
        reading::{Entry, entries, read as read_file},
    },
    pods::{SELECTOR, Selector},
    problem::Problems,
    yaml::{Node, Report, Section, Value, text, word},
};

/// The file's name and the text that is built in.
pub const SHIPPED: (&str, &str) = (FILE, include_str!("../../../../../rules/catalog/workspaces.yaml"));

const FIELDS: &[&str] = &["version", "entries", "runtimes"];
const PLATFORM: &[&str] =
    &["id", "name", "pods", "annotated", "owner", "trust", "note", "source", "unverified"];
const RUNTIME: &[&str] = &["id", "name", "classes", "handlers", "source", "unverified"];

/// # Errors
/// A test proves that the built-in text has no problems.
#[cfg(test)]
pub fn builtin() -> Result<Workspaces, Problems> {
    read(SHIPPED.0, SHIPPED.1)
}

/// Reads a catalogue; `file` is its name in problems.
///
/// # Errors
/// Everything that is wrong with the text, each at its place.
pub fn read(file: &str, text: &str) -> Result<Workspaces, Problems> {
    read_file(file, text, FIELDS, |file, report| {
        let platforms = entries(file, "entries", PLATFORM, report);
        let runtimes = entries(file, "runtimes", RUNTIME, report);
        Workspaces {
            platforms: platforms.iter().filter_map(|entry| platform(entry, report)).collect(),
            runtimes: runtimes.iter().map(|entry| runtime(entry, report)).collect(),
            digest: Digest::new(text, file, &["entries", "runtimes"]),
        }
    })
}

fn platform(entry: &Entry<'_>, report: &mut Report<'_>) -> Option<Platform> {
    let section = &entry.section;
    section.need("name", report, text);
    // Why it is trusted so far is for whoever reads the file; without it nobody could check it again.
    section.need("note", report, text);
    if !section.has("pods") && !section.has("annotated") {
        report.add(section.at(), section.field("pods"), "nothing says which pods are its").expected(SELECTOR);
    }
    Some(Platform {
        id: entry.id.value.clone(),
        pods: section.read("pods", report, selector).unwrap_or_default(),
        annotated: section.read("annotated", report, text),
        owner: section.items("owner", report, source),
        trust: section.need("trust", report, word)?,
    })
}

fn runtime(entry: &Entry<'_>, report: &mut Report<'_>) -> Runtime {
    let section = &entry.section;
    section.need("name", report, text);
    if section.is_empty("classes") && section.is_empty("handlers") {
        let problem = report.add(section.at(), section.field("handlers"), "nothing says which pods it runs");
        problem.expected("handlers, or classes");
    }
    Runtime {
        id: entry.id.value.clone(),
        classes: texts(section, "classes", report).into_iter().collect(),
        handlers: texts(section, "handlers", report).into_iter().collect(),
    }
}

fn selector(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Selector> {
    let selector = text(node, path, report)?.parse();
    let refuse = |why: String| {
        report.add(node.referenced, path, why).expected(SELECTOR);
    };
    selector.map_err(refuse).ok()
}

/// `{ label: KEY }` or `{ annotation: KEY }`.
fn source(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Source> {
    let section = Section::open(node, path, &["label", "annotation"], report)?;
    let (label, annotation) = (section.read("label", report, text), section.read("annotation", report, text));
    match (label, annotation) {
        (Some(key), None) => Some(Source::Label(key)),
        (None, Some(key)) => Some(Source::Annotation(key)),
        (None, None) if section.len() > 0 && !matches!(node.value, Value::Null) => None, // noted
        _ => {
            let problem = report.add(node.referenced, path, format!("found {}", node.value));
            problem.expected("one of label and annotation");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_at_its_place() {
        let text = "version: 1\nentries:\n  - {id: a, name: A, pods: 'a in (b', owner: [{labl: x}, {label: x, annotation: y}], trust: full, note: n, source: s}\n  - {id: a, name: B, trust: tenant, source: s}\nruntimes:\n  - {id: g, name: G, source: s}\n";
        let told: Vec<String> =
            read("w.yaml", text).unwrap_err().0.iter().map(|one| one.headline()).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        w.yaml:3:28: entries[0].pods: "a in (b" lacks its closing bracket; expected a label selector, as "app=web,tier in (a, b),!legacy"
        w.yaml:3:48: entries[0].owner[0].labl: there is no such field; expected label, annotation; did you mean "label"?
        w.yaml:3:58: entries[0].owner[1]: found a mapping; expected one of label and annotation
        w.yaml:3:93: entries[0].trust: found "full"; expected tenant, template, platform
        w.yaml:4:5: entries[1].note: the field is missing
        w.yaml:4:5: entries[1].pods: nothing says which pods are its; expected a label selector, as "app=web,tier in (a, b),!legacy"
        w.yaml:4:10: entries[1].id: "a" is also in line 3; keep it in one entry
        w.yaml:6:5: runtimes[0].handlers: nothing says which pods it runs; expected handlers, or classes
        "#);
    }
}
