//! `docs/silence.md`: the list of all work, and what became of it.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    records::{Record, Records},
    report::Verdict,
    tools::Tool,
    work::{Agent, Work},
};

const HEAD: &str = "# Ordinary work, in sessions of agents

`cargo xtask silence --record` writes this file; see [development](development.md#work-that-must-be-silent). Each piece of work
runs with real tools under the built-in rules, as a session that was recognised (a script at Claude Code's place) or begun with
`interlock run`, in a home that has a login for nearly every entry of the catalogue. It must do what it is for, which its own script
checks; nothing of it may wait, fail or end by a rule; and it may alert once at most.

";

pub fn document(works: &[Work], records: &Records) -> String {
    let mut text = HEAD.to_owned();
    text += &sum(works, records);
    let kinds: BTreeSet<&str> = works.iter().map(|work| work.kind.as_str()).collect();
    for kind in kinds {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {kind}\n\n| work | what is done | session | tools | result |\n| --- | --- | --- | --- | --- |\n"
        );
        for work in works.iter().filter(|work| work.kind == kind) {
            text += &row(work, records.get(work.name()));
        }
    }
    text
}

fn sum(works: &[Work], records: &Records) -> String {
    let count = |verdict: Verdict| {
        works
            .iter()
            .filter(|work| records.get(work.name()).is_some_and(|record| record.result == verdict))
            .count()
    };
    let alerted = works.iter().filter(|work| {
        records
            .get(work.name())
            .is_some_and(|record| record.result == Verdict::Silent && !record.alerts.is_empty())
    });
    format!(
        "{} pieces of work: {} silent ({} of them with one alert), {} stopped as they must be, {} failed, {} skipped.\n",
        works.len(),
        count(Verdict::Silent),
        alerted.count(),
        count(Verdict::Stopped),
        count(Verdict::Failed),
        count(Verdict::Skipped),
    )
}

fn row(work: &Work, record: Option<&Record>) -> String {
    let session = match work.about.agent {
        Agent::Run => "run",
        Agent::ClaudeCode => "recognised",
    };
    let tools = match record {
        Some(record) => record.tools.join(", "),
        None => work.uses().map(Tool::to_string).collect::<Vec<_>>().join(", "),
    };
    let result = record.map_or_else(|| "never run".to_owned(), result);
    format!("| {} | {} | {session} | {tools} | {result} |\n", work.name(), work.about.summary)
}

fn result(record: &Record) -> String {
    let mut result = record.result.to_string();
    if !record.alerts.is_empty() {
        let alerts: Vec<String> =
            record.alerts.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
        result += &format!("; alerts: {}", alerts.join(", "));
    }
    if !record.reason.is_empty() {
        result += &format!(": {}", record.reason.replace('|', "\\|"));
    }
    result
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::silence::{records, work};

    fn committed() -> (Vec<Work>, Records) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("silence");
        (work::load(&folder).unwrap(), records::load(&folder.join("records.jsonl")).unwrap())
    }

    #[test]
    fn the_document_is_what_was_recorded() {
        let (works, records) = committed();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/silence.md");
        let (is, should) = (std::fs::read_to_string(file).unwrap(), document(&works, &records));
        let differs = is.lines().zip(should.lines()).find(|(is, should)| is != should);
        assert_eq!(differs, None, "run `cargo xtask silence --table` and look at what it changes");
        assert_eq!(is.lines().count(), should.lines().count(), "run `cargo xtask silence --table`");
    }

    #[test]
    fn every_work_was_run_and_every_record_is_of_one() {
        let (works, records) = committed();
        let names: BTreeSet<&str> = works.iter().map(Work::name).collect();
        let recorded: BTreeSet<&str> = records.keys().map(String::as_str).collect();
        assert_eq!(names, recorded, "run `cargo xtask silence --record --only NAME`");
    }

    #[test]
    fn no_host_of_a_registry_is_named() {
        let (works, records) = committed();
        let text = document(&works, &records);
        for word in ["npmjs.", "pythonhosted.", "rubygems.", "yarnpkg.", "crates.io"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
