//! The home that a worker's programs find: a login, and a workspace beside it. Programs move things about; afterwards all
//! is put back, with the same files, because the daemon knows them by inode.

use std::{
    fs::{self, File, OpenOptions},
    os::{
        fd::AsRawFd as _,
        unix::fs::{OpenOptionsExt as _, chown},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::fs::OFlags;

use super::stub::TOKEN;

/// An ordinary user's number that no machine gives by itself.
pub const USER: u32 = 47_901;

const FOLDER: &str = ".railway";
const FILE: &str = "config.json";

pub struct Home {
    root: PathBuf,
    /// `O_PATH` descriptors: where they are now, the kernel knows.
    store: Option<(File, File)>,
}

impl Home {
    /// # Errors
    /// It cannot be made.
    pub fn furnish(root: &Path) -> Result<Self> {
        let mut home = Self { root: root.to_owned(), store: None };
        fs::create_dir_all(home.workspace().join(".git")).context("no workspace")?;
        home.make_store()?;
        for folder in [root, &home.workspace(), &home.workspace().join(".git")] {
            chown(folder, Some(USER), Some(USER)).context("a home cannot be given to its user")?;
        }
        Ok(home)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn workspace(&self) -> PathBuf {
        self.root.join("shop")
    }

    pub fn secret(&self) -> PathBuf {
        self.root.join(FOLDER).join(FILE)
    }

    fn make_store(&mut self) -> Result<()> {
        let (folder, file) = (self.root.join(FOLDER), self.secret());
        fs::create_dir_all(&folder).context("no store")?;
        fs::write(&file, format!("{{\"user\":{{\"token\":\"{TOKEN}\"}}}}\n")).context("no store")?;
        for place in [&folder, &file] {
            chown(place, Some(USER), Some(USER)).context("a store cannot be given to its user")?;
        }
        let known = |place: &Path| OpenOptions::new().read(true).custom_flags(path_only()).open(place);
        self.store = Some((known(&folder).context("no store")?, known(&file).context("no store")?));
        Ok(())
    }

    /// Puts the store back and empties the workspace.
    ///
    /// # Errors
    /// It cannot be done.
    pub fn put_back(&mut self) -> Result<()> {
        let (folder, file) = (self.root.join(FOLDER), self.secret());
        let back = self.store.as_ref().is_some_and(|(known_folder, known_file)| {
            is_back(known_folder, &folder) && is_back(known_file, &file)
        });
        for entry in fs::read_dir(self.workspace()).context("the workspace has gone")?.flatten() {
            if entry.file_name() != ".git" {
                let path = entry.path();
                let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.with_context(|| format!("{} cannot be removed", path.display()))?;
            }
        }
        if back { Ok(()) } else { self.make_store() }
    }
}

fn path_only() -> i32 {
    i32::try_from(OFlags::PATH.bits()).unwrap_or_default()
}

/// Whether the known file is at this place, if need be because it was moved back.
fn is_back(known: &File, place: &Path) -> bool {
    let Ok(now) = fs::read_link(format!("/proc/self/fd/{}", known.as_raw_fd())) else { return false };
    now == place || fs::rename(&now, place).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn what_was_moved_about_is_the_same_file_again() {
        if !crate::process::is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut home = Home::furnish(dir.path()).unwrap();
        let number = fs::metadata(home.secret()).unwrap().ino();
        fs::hard_link(home.secret(), home.workspace().join("alias0")).unwrap();
        fs::rename(home.secret(), home.workspace().join("alias1")).unwrap();
        fs::rename(dir.path().join(".railway"), home.workspace().join("alias2")).unwrap();
        home.put_back().unwrap();
        let back = fs::metadata(home.secret()).unwrap();
        assert_eq!((back.ino(), back.nlink()), (number, 1));
        assert_eq!(fs::read_dir(home.workspace()).unwrap().count(), 1);
        fs::remove_dir_all(dir.path().join(".railway")).unwrap();
        home.put_back().unwrap();
        assert!(fs::read_to_string(home.secret()).unwrap().contains(TOKEN));
    }
}
