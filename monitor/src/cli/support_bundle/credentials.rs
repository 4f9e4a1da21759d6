//! Credentials that Interlock itself knows, to be found where they must not be.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::part::Part;
use crate::config::{Config, Given, Target};
use interlock_host::regular;

/// Shorter words are in other texts by chance.
const SHORTEST: usize = 8;
/// Longest file of credentials that is looked at, bytes.
const LONGEST: u64 = 1024 * 1024;

struct Known {
    file: String,
    value: Vec<u8>,
}

/// What must be in no part.
pub struct Credentials {
    known: Vec<Known>,
    /// Files that were not looked into, with the reason: one that this user may not read is in no part either, and of one that is too
    /// large nobody knows.
    unreadable: Vec<String>,
}

impl Credentials {
    /// Of the notifier's targets, of everybody's factors, of the ledger's key.
    pub fn of(config: &Config) -> Self {
        let mut found = Self { known: Vec::new(), unreadable: Vec::new() };
        for target in &config.notify {
            found.of_target(target);
        }
        for path in factor_files(&config.state) {
            found.of_factors(&path);
        }
        found.of_first_line(&config.state.join(crate::ledger::tree::SECRET_FILE));
        found
    }

    pub fn count(&self) -> usize {
        self.known.len()
    }

    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// Fails closed: a part that holds one is left out whole.
    pub fn keep_out_of(&self, part: &mut Part) {
        let Ok(content) = &part.content else { return };
        let holds = |known: &&Known| content.windows(known.value.len()).any(|window| window == known.value);
        if let Some(known) = self.known.iter().find(holds) {
            part.content = Err(format!("it would hold what {} holds", known.file));
        }
    }

    fn of_target(&mut self, target: &Target) {
        if let Given::Text(url) = &target.url {
            let of = format!("the URL of {}", target.name);
            self.add(&of, url);
            // A slip in what stands before it does not make it another secret.
            if let Some((_, path)) = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
                self.add(&of, path);
            }
        }
        if let Some(Given::Text(place)) = &target.place {
            self.add(&format!("the place of {}", target.name), place);
        }
        target.credential_files().for_each(|(_, path)| self.of_first_line(path));
    }

    /// The first line of a file: what follows is a remark, or the public half.
    fn of_first_line(&mut self, path: &Path) {
        let Some(text) = self.read(path) else { return };
        let line = text.lines().next().unwrap_or_default();
        self.add(&path.display().to_string(), line.trim());
    }

    /// The secrets of devices; what else is in there is public.
    fn of_factors(&mut self, path: &Path) {
        let Some(text) = self.read(path) else { return };
        let Ok(factors) = serde_json::from_str::<serde_json::Value>(&text) else {
            return self.add(&path.display().to_string(), text.trim());
        };
        let devices = factors["devices"].as_array().into_iter().flatten();
        devices
            .filter_map(|device| device["secret"].as_str())
            .for_each(|secret| self.add(&path.display().to_string(), secret));
    }

    fn read(&mut self, path: &Path) -> Option<String> {
        match regular::text(path, LONGEST) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.unreadable.push(format!("{}: {error}", path.display()));
                None
            }
        }
    }

    fn add(&mut self, file: &str, value: &str) {
        if value.len() >= SHORTEST {
            self.known.push(Known { file: file.to_owned(), value: value.as_bytes().to_vec() });
        }
    }
}

fn factor_files(state: &Path) -> Vec<PathBuf> {
    // A directory that cannot be listed holds nothing that this user could have read.
    let entries = fs::read_dir(state.join("factors")).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_holds_a_credential_is_left_out_and_says_of_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("ntfy.token");
        fs::write(&token, "fake-token-0000\n").unwrap();
        fs::create_dir(dir.path().join("factors")).unwrap();
        let factors = r#"{ "user": 0, "devices": [{ "id": "f1", "secret": "GEZDGNBVGY3TQOJQ" }] }"#;
        fs::write(dir.path().join("factors/0.json"), factors).unwrap();
        let target = Target { token: Some(token), ..Target::sample("phone", "https://a.example/hook-0000") };
        let config = Config { state: dir.path().into(), notify: vec![target], ..Config::default() };
        let credentials = Credentials::of(&config);
        assert_eq!((credentials.count(), credentials.unreadable().len()), (4, 0));
        for (held, file) in [
            ("x fake-token-0000 y", "ntfy.token"),
            ("GEZDGNBVGY3TQOJQ", "0.json"),
            ("to https://a.example/hook-0000.", "the URL of phone"),
            ("htps:/a.example/hook-0000", "the URL of phone"),
        ] {
            let mut part = Part { name: "a".into(), content: Ok(held.as_bytes().to_vec()) };
            credentials.keep_out_of(&mut part);
            assert!(part.content.is_err_and(|why| why.contains(file)), "{held}");
        }
        let mut harmless = Part { name: "a".into(), content: Ok(b"f1 phone".to_vec()) };
        credentials.keep_out_of(&mut harmless);
        assert!(harmless.content.is_ok());
    }
}
