//! Reading the configuration file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    document::Document,
    values::{Config, FILE, RULES},
};
use crate::text;
use interlock_core::problem::{Problem, Problems};

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Daemon,
    /// Passes over further files that it may not read.
    Client,
}

impl Config {
    /// Reads `file`, or [`FILE`] if that exists, and the files of the directory beside it (`drop_ins`), and checks that the
    /// configured directories can be read.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn load(file: Option<&Path>) -> Result<Self, Problems> {
        let Document { mut config, mut problems, places } = Self::read(file, Reader::Daemon)?;
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
        if let Some(why) = config.kubernetes.obstacle() {
            let mut problem = places.get("kubernetes").cloned().unwrap_or_default();
            why.clone_into(&mut problem.message);
            problems.push(problem);
        }
        for (place, target) in config.notify.iter().enumerate() {
            for (key, why) in target.unusable_files() {
                let mut problem = places.get(&format!("notify[{place}]")).cloned().unwrap_or_default();
                problem.field = format!("{}.{key}", problem.field);
                problem.message = format!("{}: {why}", target.name);
                problems.push(problem);
            }
        }
        // Those of one file stand together, in the order of its lines; the files stand in theirs.
        let order = |problem: &Problem| {
            config.files.iter().position(|file| file.display().to_string() == problem.file)
        };
        problems.0.sort_by_key(|problem| (order(problem), problem.line, problem.column));
        problems.or(config)
    }

    /// The name of its file in problems.
    fn name(&self) -> String {
        self.files.first().map_or(Path::new(FILE), PathBuf::as_path).display().to_string()
    }

    /// The control socket that `file` (or [`FILE`]) names. What a client needs: no directory is looked at, because a
    /// client may not be allowed to.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn socket(file: Option<&Path>) -> Result<PathBuf, Problems> {
        let Document { config, problems, .. } = Self::read(file, Reader::Client)?;
        problems.or(config.socket)
    }

    /// The state directory that `file` (or [`FILE`]) names, as [`Config::socket`] finds the socket.
    ///
    /// # Errors
    /// Every problem of the file at once.
    pub fn state(file: Option<&Path>) -> Result<PathBuf, Problems> {
        let Document { config, problems, .. } = Self::read(file, Reader::Client)?;
        problems.or(config.state)
    }

    /// Reads the file and what lies beside it, each over those before it.
    fn read(file: Option<&Path>, reader: Reader) -> Result<Document, Problems> {
        let path = file.unwrap_or(Path::new(FILE));
        let mut document = Document::default();
        match text::read_any(path) {
            Ok(text) => document.add(&text, path),
            Err((io::ErrorKind::NotFound, _)) if file.is_none() => {}
            Err((_, problem)) => return Err((*problem).into()),
        }
        let Some(directory) = drop_ins(path) else { return Ok(document) };
        for further in toml_files(&directory).map_err(|error| text::unreadable(&directory, &error))? {
            match text::read_any(&further) {
                Ok(text) => document.add(&text, &further),
                // It may hold a webhook's URL, which is nobody's but root's, and hardly where the socket is.
                Err((io::ErrorKind::PermissionDenied, _)) if reader == Reader::Client => {}
                Err((_, problem)) => document.problems.0.push(*problem),
            }
        }
        document.config.drop_ins = Some(directory);
        Ok(document)
    }
}

/// The directory of further files: `config.d` beside `config.toml`, `trial.d` beside `trial.toml`. A pipe has none.
fn drop_ins(file: &Path) -> Option<PathBuf> {
    let is_toml = file.extension().is_some_and(|ending| ending == "toml");
    is_toml.then(|| file.with_extension("d")).filter(|directory| directory.is_dir())
}

/// Those that end in `.toml` and do not begin with a dot, in the order of their names' bytes: what an editor or a package manager
/// leaves beside them (`x.toml~`, `x.toml.dpkg-new`) is none.
fn toml_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = text::visible(directory)?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    Ok(files)
}

/// Whether no process has this number; one that may not be signalled lives.
fn is_over(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}
