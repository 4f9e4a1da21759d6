//! Where bundles lie, which keys count, and which bundle is in force.
//!
//! ```text
//! /etc/interlock/policy/keys/*.vkey       public keys whose bundles are taken, one a file: NAME+ID+KEY
//!                       bundles/17.tar    what was installed
//!                       current           a link to the one in force; without it: what is built in
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::fsync;
use signed_note::StandardVerifier;

use super::{BYTES_MAX, Bundle};
use crate::{policy::trust, text};
use interlock_core::problem::{Problem, Problems};
use interlock_host::regular;

const CURRENT: &str = "current";
const BUNDLES: &str = "bundles";
const KEYS: &str = "keys";
/// Longest file of a key, bytes.
const KEY_MAX: u64 = 4096;

/// The directory of bundles.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

impl Place {
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// The bundle in force.
    ///
    /// # Errors
    /// It cannot be read or trusted; others than root may change what says so.
    pub fn current(&self) -> Result<Option<Bundle>, Problems> {
        let link = self.0.join(CURRENT);
        if !link.is_symlink() && !link.exists() {
            return Ok(None);
        }
        let (keys, bundles) = (self.0.join(KEYS), self.0.join(BUNDLES));
        trust::check([self.0.as_path(), &keys, &bundles, &link])?;
        self.read(&link).map(Some)
    }

    /// Reads a bundle, wherever it lies, by the keys that count here.
    ///
    /// # Errors
    /// It cannot be read, or counts for nothing; a key that cannot be read.
    pub fn read(&self, file: &Path) -> Result<Bundle, Problems> {
        let name = file.display().to_string();
        let bytes = regular::read(file, BYTES_MAX).map_err(|error| text::unreadable(file, &error))?;
        Bundle::read(&bytes, &self.keys()?).map_err(|error| {
            let mut problem = Problem::of_file(name, error.to_string());
            problem.expected("a bundle that a key below keys/ has signed");
            problem.hint("interlock policy rollback puts the one before in force");
            Problems::from(problem)
        })
    }

    /// Keys whose bundles are taken.
    fn keys(&self) -> Result<Vec<StandardVerifier>, Problems> {
        let dir = self.0.join(KEYS);
        let mut files = match text::visible(&dir) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(text::unreadable(&dir, &error).into()),
        };
        files.retain(|file| file.extension().is_some_and(|ending| ending == "vkey"));
        let (mut keys, mut problems) = (Vec::new(), Problems::default());
        for file in files {
            match text::read(&file, KEY_MAX).map(|text| StandardVerifier::new(text.trim())) {
                Ok(Ok(key)) => keys.push(key),
                Ok(Err(_)) => {
                    let name = file.display().to_string();
                    problems
                        .push(Problem::of_file(name, "this is no public key"))
                        .expected("NAME+ID+KEY, one line");
                }
                Err(problem) => problems.0.push(*problem),
            }
        }
        problems.or(keys)
    }

    /// Serials of what is installed, the oldest first, and which one is in force.
    ///
    /// # Errors
    /// The system's.
    pub fn installed(&self) -> io::Result<(Vec<u64>, Option<u64>)> {
        let dir = self.0.join(BUNDLES);
        let files = match text::visible(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            files => files?,
        };
        let mut serials: Vec<u64> = files.iter().filter_map(|file| serial(file)).collect();
        serials.sort_unstable();
        let current = fs::read_link(self.0.join(CURRENT)).ok().and_then(|target| serial(&target));
        Ok((serials, current))
    }

    /// Lays a bundle beside the others; it is on the disk when this returns, and not in force.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where another one has its serial.
    pub fn keep(&self, serial: u64, bytes: &[u8]) -> io::Result<()> {
        let dir = self.0.join(BUNDLES);
        let file = dir.join(format!("{serial}.tar"));
        fs::create_dir_all(&dir)?;
        match fs::read(&file) {
            Ok(found) if found == bytes => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let fresh = dir.join(format!(".{serial}.new"));
        let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&fresh, &file)?;
        Ok(fsync(File::open(&dir)?)?)
    }

    /// Puts an installed bundle in force, or what is built in. Whoever reads finds the one or the other, never neither.
    ///
    /// # Errors
    /// The system's.
    pub fn switch(&self, serial: Option<u64>) -> io::Result<()> {
        let link = self.0.join(CURRENT);
        let done = match serial {
            None => fs::remove_file(&link),
            Some(serial) => {
                let fresh = self.0.join(format!(".{CURRENT}.new"));
                let _ = fs::remove_file(&fresh); // of somebody who was killed here
                symlink(format!("{BUNDLES}/{serial}.tar"), &fresh)?;
                fs::rename(&fresh, &link)
            }
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound && serial.is_none() => Ok(()),
            done => done.and_then(|()| Ok(fsync(File::open(&self.0)?)?)),
        }
    }
}

/// `17` of `bundles/17.tar`.
fn serial(file: &Path) -> Option<u64> {
    let name = file.file_name()?.to_str()?.strip_suffix(".tar")?;
    name.parse().ok()
}
