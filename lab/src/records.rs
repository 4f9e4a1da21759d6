//! `lab/measured.jsonl` and `lab/agents-measured.jsonl`: what is known of each client or agent since it was last run, one a
//! line.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

use crate::{agents, measure::Measured};

/// By id.
pub type Records<E = Measured> = BTreeMap<String, E>;

/// What is known of one program.
pub trait Entry: Serialize + DeserializeOwned {
    fn id(&self) -> &str;
}

impl Entry for Measured {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Entry for agents::measure::Measured {
    fn id(&self) -> &str {
        &self.id
    }
}

/// # Errors
/// A line is wrong, with its number.
pub fn read<E: Entry>(text: &str) -> Result<Records<E>> {
    let line = |(n, line): (usize, &str)| {
        let measured: E = serde_json::from_str(line)
            .with_context(|| format!("line {} of the measurements is wrong", n + 1))?;
        Ok((measured.id().to_owned(), measured))
    };
    text.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(line).collect()
}

/// # Errors
/// The file cannot be read, or a line is wrong. A file that is not there is an empty one.
pub fn load<E: Entry>(file: &Path) -> Result<Records<E>> {
    match fs::read_to_string(file) {
        Ok(text) => read(&text).with_context(|| file.display().to_string()),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Records::new()),
        Err(why) => Err(why).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// # Errors
/// The file cannot be written.
pub fn save<E: Entry>(file: &Path, records: &Records<E>) -> Result<()> {
    let mut text = String::new();
    for measured in records.values() {
        text.push_str(&serde_json::to_string(measured).context("a measurement is no JSON")?);
        text.push('\n');
    }
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m");
        assert_eq!(load::<Measured>(&file).unwrap(), Records::new());
        let measured = Measured { id: "x".into(), version: "1".into(), exit: Some(1), ..Measured::default() };
        let records = Records::from([("x".to_owned(), measured)]);
        save(&file, &records).unwrap();
        assert_eq!(load(&file).unwrap(), records);
        assert!(format!("{:#}", read::<Measured>("{}\nx").unwrap_err()).contains("line 1"));
    }
}
