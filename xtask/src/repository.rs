//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process;

/// A checkout of this repository.
pub struct Repository {
    root: PathBuf,
    target: PathBuf,
}

impl Repository {
    /// # Errors
    /// The checkout that this program was built from has been moved or removed.
    pub fn find() -> Result<Self> {
        // cargo names the folder when it runs us; the folder we were built in serves everybody else.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.join("..").canonicalize().with_context(|| {
            format!("{} is gone; run `cargo xtask` inside the repository", package.display())
        })?;
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |path| root.join(path));
        Ok(Self { root, target })
    }

    /// A checkout at `root` that builds below itself.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), target: root.join("target") }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Gets the crates of a package's lock, for all systems, so that what follows needs no network.
    ///
    /// # Errors
    /// They cannot be had, or the lock is not in step with its manifest.
    pub fn fetch(&self, manifest: &str) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo.args(["fetch", "--quiet", "--locked", "--manifest-path", manifest]).current_dir(&self.root);
        process::answer(&mut cargo).map(drop)
    }

    /// Where cargo builds; never committed.
    pub fn target(&self) -> &Path {
        &self.target
    }
}
