//! `xtask/silence/records.jsonl`: what became of each piece of work when it was last run, one a line.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::report::{Row, Verdict};

/// By the work's name.
pub type Records = BTreeMap<String, Record>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub work: String,
    pub result: Verdict,
    /// With their versions.
    pub tools: Vec<String>,
    /// By rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<String, usize>,
    /// The first of what was stopped or went wrong, or why it was skipped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Record {
    pub fn new(row: &Row) -> Self {
        let reason = match row.result {
            Verdict::Silent | Verdict::Stopped => String::new(),
            // Directories of one run say nothing to the next.
            Verdict::Failed | Verdict::Skipped => row.reasons.first().map_or_else(String::new, |reason| {
                reason.lines().next().unwrap_or_default().replace(&row.home, "~")
            }),
        };
        Self {
            work: row.work.clone(),
            result: row.result,
            tools: row.tools.clone(),
            alerts: row.alerts.clone(),
            reason,
        }
    }
}

/// # Errors
/// The file cannot be read, or a line is wrong, with its number. A file that is not there is an empty one.
pub fn load(file: &Path) -> Result<Records> {
    match fs::read_to_string(file) {
        Ok(text) => read(&text).with_context(|| file.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Records::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

fn read(text: &str) -> Result<Records> {
    let record = |(number, line): (usize, &str)| {
        let record: Record =
            serde_json::from_str(line).with_context(|| format!("line {} is wrong", number + 1))?;
        Ok((record.work.clone(), record))
    };
    text.lines().enumerate().map(record).collect()
}

/// # Errors
/// The file cannot be written.
pub fn save(file: &Path, records: &Records) -> Result<()> {
    let lines: Vec<String> = (records.values())
        .map(|record| serde_json::to_string(record).context("a record is no JSON"))
        .collect::<Result<_>>()?;
    fs::write(file, lines.join("\n") + "\n").with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_again_and_a_wrong_line_is_told() {
        let record = Record {
            work: "git".to_owned(),
            result: Verdict::Silent,
            tools: vec!["git 2.39.5".to_owned()],
            alerts: BTreeMap::from([("secret-probe".to_owned(), 1)]),
            reason: String::new(),
        };
        let records = Records::from([("git".to_owned(), record)]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("records.jsonl");
        assert_eq!(load(&file).unwrap(), Records::new());
        save(&file, &records).unwrap();
        assert_eq!(load(&file).unwrap(), records);
        let error = format!("{:#}", read("{}").unwrap_err());
        assert!(error.contains("line 1 is wrong") && error.contains("work"), "{error}");
    }
}
