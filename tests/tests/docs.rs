//! What the documents say about tests and files is so.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{fs, path::Path};

const THREAT_MODEL: &str = include_str!("../../docs/threat-model.md");

/// The tests that a line's last cell names: `file::module::name`, or `file::module::*`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| word.matches("::").count() >= 2)
}

fn exists(test: &str) -> bool {
    let parts: Vec<&str> = test.split("::").collect();
    let Some((name, modules)) = parts.split_last() else { return false };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(format!("{}.rs", modules.join("/")));
    let Ok(source) = fs::read_to_string(path) else { return false };
    if *name == "*" { source.contains("#[test]") } else { source.contains(&format!("#[test]\nfn {name}()")) }
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let missing: Vec<&str> = named(THREAT_MODEL).filter(|test| !exists(test)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named(THREAT_MODEL).count() > 50);
}

#[test]
fn every_line_of_the_threat_model_names_a_test_or_says_that_there_is_none() {
    let lines = THREAT_MODEL.lines().filter(|line| line.starts_with("| ") && !line.contains("---"));
    let bare: Vec<&str> = lines
        .filter(|line| !line.ends_with("| test |"))
        .filter(|line| !line.ends_with("| - |") && named(line.rsplit_once(" | ").unwrap().1).count() == 0)
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

/// Relative links of a document, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.contains(' '))
}

#[test]
fn every_file_that_a_document_links_to_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut seen, mut missing) = (0, Vec::new());
    for folder in [".", "docs", "docs/decisions", "docs/runbooks", "findings"] {
        for file in fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|ending| ending != "md") {
                continue;
            }
            for link in links(&fs::read_to_string(&file).unwrap()) {
                seen += 1;
                if !file.parent().unwrap().join(link).exists() {
                    missing.push(format!("{}: {link}", file.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 100, "{seen}");
}

/// Where a source file may lie that a document names without its package.
const ROOTS: [&str; 6] =
    ["", "monitor/core/src", "monitor/host/src", "monitor/src", "monitor-ebpf/src", "xtask/src/adversary"];

#[test]
fn every_source_file_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let documents = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents = documents.filter(|file| file.extension().is_some_and(|ending| ending == "md"));
    let (mut seen, mut missing) = (0, Vec::new());
    for file in documents.chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name))) {
        let text = fs::read_to_string(&file).unwrap();
        for named in text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs")) {
            seen += 1;
            if !ROOTS.iter().any(|place| root.join(place).join(named).exists()) {
                missing.push(format!("{}: {named}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(seen > 100, "{seen}");
}

/// Names of the packaged alerts, each with its lines.
fn alerts() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("packaging/prometheus/alerts.yaml")).unwrap();
    let blocks = text.split("      - alert: ").skip(1).map(|block| block.split_once('\n').unwrap());
    blocks.map(|(name, lines)| (name.to_owned(), lines.to_owned())).collect()
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_alert_is_graded_said_in_words_tested_and_has_a_page_and_each_page_an_alert() {
    let tests = fs::read_to_string(root().join("packaging/prometheus/tests.yaml")).unwrap();
    let operations = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (mut names, mut wrong) = (Vec::new(), Vec::new());
    for (name, lines) in alerts() {
        let page = format!("docs/runbooks/{name}.md");
        let url = format!("runbook_url: https://github.com/interlock/interlock/blob/main/{page}");
        let parts = ["severity: ", "summary: ", "description: ", &url];
        let text = fs::read_to_string(root().join(&page)).unwrap_or_default();
        let sections = [format!("# {name}\n"), "## What to look at".into(), "## What to do".into()];
        let tested = format!("alertname: {name}\n        exp_alerts:\n          - exp_labels:");
        let resolves = format!("alertname: {name}, exp_alerts: [] }}");
        let short = name.strip_prefix("InterlockEnforcement").map_or(name.clone(), |end| format!("-{end}"));
        for (what, holds) in [
            ("its lines", parts.iter().all(|part| lines.contains(part))),
            ("its page", sections.iter().all(|section| text.contains(section.as_str()))),
            ("its test", tests.contains(&tested) && tests.contains(&resolves)),
            ("operations.md", operations.contains(&name) || operations.contains(&short)),
        ] {
            if !holds {
                wrong.push((name.clone(), what));
            }
        }
        names.push(format!("{name}.md"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(names.len() > 20, "{names:?}");
    names.sort();
    let pages = fs::read_dir(root().join("docs/runbooks")).unwrap();
    let mut pages: Vec<String> =
        pages.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    assert_eq!(pages, names);
}
