//! Where the measurements take place: a directory with a home, a secret, a workspace and a daemon's files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// Everything is removed when it is dropped.
pub struct Arena {
    directory: TempDir,
    /// The release build of `interlock`.
    pub interlock: PathBuf,
    /// This program.
    pub bench: PathBuf,
}

impl Arena {
    /// # Errors
    /// There is no `interlock` beside this program, or the directory cannot be made.
    pub fn new() -> Result<Self> {
        let bench = env::current_exe().context("this program cannot find itself")?;
        let interlock = bench.with_file_name("interlock");
        interlock.metadata().with_context(|| {
            format!("{} is not there; start the benchmarks by `cargo xtask bench`", interlock.display())
        })?;
        let directory = tempfile::Builder::new().prefix("interlock-bench-").tempdir()?;
        let arena = Self { directory, interlock, bench };
        for folder in [arena.home().join(".railway"), arena.workspace(), arena.state()] {
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        fs::write(arena.foreign_secret(), r#"{"user":{"token":"not-a-real-token"}}"#)?;
        fs::write(arena.own_secret(), "KEY=not-a-real-key\n")?;
        fs::write(arena.ordinary(), "hello\n")?;
        Ok(arena)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub fn workspace(&self) -> PathBuf {
        self.path().join("work")
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("control.sock")
    }

    /// A credential of grade A outside the workspace.
    pub fn foreign_secret(&self) -> PathBuf {
        self.home().join(".railway/config.json")
    }

    /// A secret of the workspace itself: reading it is an event, and no rule minds.
    pub fn own_secret(&self) -> PathBuf {
        self.workspace().join(".env")
    }

    pub fn ordinary(&self) -> PathBuf {
        self.workspace().join("readme.txt")
    }

    /// `folders` × `files` small files below the workspace.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn tree(&self, folders: u32, files: u32) -> Result<PathBuf> {
        let tree = self.workspace().join("tree");
        for folder in 0..folders {
            let folder = tree.join(format!("module{folder}"));
            fs::create_dir_all(&folder)?;
            for file in 0..files {
                let text = format!("fn f{file}() -> u32 {{\n    {file}\n}}\n").repeat(8);
                fs::write(folder.join(format!("f{file}.rs")), text)?;
            }
        }
        Ok(tree)
    }

    pub fn config(&self) -> Result<String> {
        let text = |path: PathBuf| {
            let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
            serde_json::to_string(path).context("a path cannot be quoted") // every JSON string is a TOML string
        };
        Ok(format!(
            "socket = {}\nstate = {}\nrules = \"builtin\"\nunattended = \"never\"\npins = \"none\"\nmetrics = \"none\"\nlog = \"warn\"\n\
             watch_below = {}\n",
            text(self.socket())?,
            text(self.state())?,
            std::process::id(),
        ))
    }
}
