//! Which files are read.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    cli::{
        exit::{Exit, Failure},
        global::Global,
        printer::Printer,
    },
    ledger::{
        Head, Segments,
        check::Check,
        scan::{Visitor, scan},
    },
};

/// How long the rest of a last line is waited for: the daemon may be writing it.
const PATIENCE: Duration = Duration::from_millis(100);

/// Where a ledger lies.
#[derive(Args, Debug)]
pub struct Places {
    /// A directory that has ledger.jsonl and its earlier files, or the files themselves, oldest first [default: the
    /// configured state directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// The files of a ledger.
pub struct Files {
    /// Oldest records first.
    pub files: Vec<PathBuf>,
    /// Where the daemon keeps the key's public part and its last checkpoint beside the ledger.
    pub dir: PathBuf,
}

impl Places {
    /// Finds the files, and says which are left out.
    pub fn find(&self, global: &Global, printer: &Printer) -> Result<Files, Failure> {
        let configured;
        let dir = match &self.paths[..] {
            [] => {
                configured = global.state(printer)?;
                &configured
            }
            [dir] if dir.is_dir() => dir,
            files => return named(files),
        };
        let segments = Segments::beside(dir).map_err(|error| unreadable(dir, &error))?;
        for (path, why) in &segments.left_out {
            printer.say(&format!("{} {why}", path.display()));
        }
        if segments.files.is_empty() {
            let dir = dir.display();
            return Err(Failure::new(
                Exit::Usage,
                format_args!("{dir}: has no ledger.jsonl; name a directory or files that have records"),
            ));
        }
        Ok(Files { files: segments.files, dir: dir.clone() })
    }
}

fn named(files: &[PathBuf]) -> Result<Files, Failure> {
    for file in files {
        let found = file.metadata().map_err(|error| unreadable(file, &error))?;
        if found.is_dir() {
            let text = format!("{}: is a directory; name one directory alone, or files", file.display());
            return Err(Failure::new(Exit::Usage, text));
        }
    }
    let dir = files.last().and_then(|last| last.parent()).unwrap_or(Path::new(""));
    Ok(Files { files: files.to_vec(), dir: dir.to_owned() })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::new(Exit::Usage, format_args!("{path}: cannot be read: {error}; check the path, or ask as root"))
}

impl Files {
    /// Reads all of them, from the first record on.
    pub fn scan(&self, visit: &mut Visitor<'_>) -> Check {
        let mut check = Check::after(Some(Head::START));
        scan(&self.files, &mut check, PATIENCE, visit);
        check
    }
}
