//! Reading the configuration file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    document::{self, Document},
    problem::{Problem, Problems},
    values::{Config, FILE, RULES},
};

impl Config {
    /// Reads `file`, or [`FILE`] if that exists, and checks that the configured directories can be read.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let Document { mut config, mut problems, lines } = Self::read(file)?;
        if config.rules.is_none() && !config.builtin_rules && Path::new(RULES).is_dir() {
            config.rules = Some(RULES.into());
        }
        for (key, directory) in
            [("rules", &config.rules), ("catalog", &config.catalog), ("cgroup", &config.cgroup)]
        {
            if let Some(Err(error)) = directory.as_deref().map(fs::read_dir) {
                let line = lines.get(key).copied().unwrap_or_default();
                let directory = directory.as_deref().unwrap_or(Path::new(""));
                problems.push(Problem::unreadable(config.file.as_deref(), line, key, directory, &error));
            }
        }
        problems.or(config)
    }

    /// The control socket that `file` (or [`FILE`]) names. What a client needs: no directory is looked at, because a
    /// client may not be allowed to.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn socket(file: Option<&Path>) -> Result<PathBuf, Problems> {
        let Document { config, problems, .. } = Self::read(file)?;
        problems.or(config.socket)
    }

    fn read(file: Option<&Path>) -> Result<Document, Problems> {
        let path = file.unwrap_or(Path::new(FILE));
        match fs::read_to_string(path) {
            Ok(text) => Ok(document::parse(&text, path)),
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Document::default())
            }
            Err(error) => Err(Problems::from(Problem::file(path, &error))),
        }
    }
}
