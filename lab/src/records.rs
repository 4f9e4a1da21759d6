//! `lab/measured.jsonl`: what is known of each client since it was last run, one a line.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use crate::measure::Measured;

/// By id.
pub type Records = BTreeMap<String, Measured>;

/// # Errors
/// A line is wrong, with its number.
pub fn read(text: &str) -> Result<Records> {
    let line = |(n, line): (usize, &str)| {
        let measured: Measured = serde_json::from_str(line)
            .with_context(|| format!("line {} of the measurements is wrong", n + 1))?;
        Ok((measured.id.clone(), measured))
    };
    text.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(line).collect()
}

/// # Errors
/// The file cannot be read, or a line is wrong. A file that is not there is an empty one.
pub fn load(file: &Path) -> Result<Records> {
    match fs::read_to_string(file) {
        Ok(text) => read(&text).with_context(|| file.display().to_string()),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Records::new()),
        Err(why) => Err(why).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// # Errors
/// The file cannot be written.
pub fn save(file: &Path, records: &Records) -> Result<()> {
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
        assert_eq!(load(&file).unwrap(), Records::new());
        let measured = Measured { id: "x".into(), version: "1".into(), exit: Some(1), ..Measured::default() };
        let records = Records::from([("x".to_owned(), measured)]);
        save(&file, &records).unwrap();
        assert_eq!(load(&file).unwrap(), records);
        assert!(format!("{:#}", read("{}\nx").unwrap_err()).contains("line 1"));
    }
}
