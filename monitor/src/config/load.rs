//! Reading the configuration file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    document::{self, Document},
    values::{Config, FILE, RULES},
};
use crate::text;
use interlock_core::problem::{Problem, Problems};

impl Config {
    /// Reads `file`, or [`FILE`] if that exists, and checks that the configured directories can be read.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let Document { mut config, mut problems, places } = Self::read(file)?;
        if config.rules.is_none() && !config.builtin_rules && Path::new(RULES).is_dir() {
            config.rules = Some(RULES.into());
        }
        for (key, directory) in
            [("rules", &config.rules), ("catalog", &config.catalog), ("cgroup", &config.cgroup)]
        {
            let Some(directory) = directory.as_deref() else { continue };
            if let Err(error) = fs::read_dir(directory) {
                // The directory that is read where no key names one has no place.
                let of_default = || Problem { field: key.into(), ..Problem::of_file(config.name(), "") };
                let mut problem = places.get(key).cloned().unwrap_or_else(of_default);
                problem.message = format!("{} cannot be read: {error}", directory.display());
                problem.expected("a readable directory");
                problems.push(problem);
            }
        }
        if let Some(pid) = config.watch_below
            && is_over(pid)
        {
            let mut problem = places.get("watch_below").cloned().unwrap_or_default();
            problem.message = format!("there is no process {pid}");
            problem.expected("a process that lives: its descendants are watched, and nobody else");
            problems.push(problem);
        }
        for (place, target) in config.notify.iter().enumerate() {
            for (key, why) in target.unusable_files() {
                let at = format!("notify[{place}].{key}");
                let mut problem = places.get("notify").cloned().unwrap_or_default();
                problem.field = at;
                problem.message = format!("{}: {why}", target.name);
                problems.push(problem);
            }
        }
        problems.sort();
        problems.or(config)
    }

    /// The name of its file in problems.
    fn name(&self) -> String {
        self.file.as_deref().unwrap_or(Path::new(FILE)).display().to_string()
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

    /// The state directory that `file` (or [`FILE`]) names, as [`Config::socket`] finds the socket.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn state(file: Option<&Path>) -> Result<PathBuf, Problems> {
        let Document { config, problems, .. } = Self::read(file)?;
        problems.or(config.state)
    }

    fn read(file: Option<&Path>) -> Result<Document, Problems> {
        let path = file.unwrap_or(Path::new(FILE));
        match text::read_any(path) {
            Ok(text) => Ok(document::parse(&text, path)),
            Err((io::ErrorKind::NotFound, _)) if file.is_none() => Ok(Document::default()),
            Err((_, problem)) => Err((*problem).into()),
        }
    }
}

/// Whether no process has this number; one that may not be signalled lives.
fn is_over(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}
