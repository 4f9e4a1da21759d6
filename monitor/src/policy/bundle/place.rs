//! Where bundles lie, which keys count, and which bundle is in force.
//!
//! ```text
//! /etc/interlock/policy/keys/*.vkey                 public keys whose bundles are taken, one a file: NAME+ID+KEY
//!                       bundles/defaults-17.tar     what was installed
//!                       current                     a link to the one in force; without it: what is built in
//!                       previous                    a link to the one before
//! ```

use std::{
    fmt,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::fsync;
use signed_note::{StandardVerifier, Verifier as _};

use super::{BYTES_MAX, Bundle};
use crate::{policy::trust, text};
use interlock_core::problem::{Problem, Problems};
use interlock_host::regular;

const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";
const BUNDLES: &str = "bundles";
const KEYS: &str = "keys";
/// Longest file of a key, bytes.
const KEY_MAX: u64 = 4096;

/// The directory of bundles.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

/// What tells bundles apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub name: String,
    pub serial: u64,
}

impl Id {
    #[must_use]
    pub fn of(bundle: &Bundle) -> Self {
        Self { name: bundle.manifest.name.clone(), serial: bundle.manifest.serial }
    }

    /// Of the file that it is kept in: `bundles/defaults-17.tar`.
    fn of_file(file: &Path) -> Option<Self> {
        let (name, serial) = file.file_name()?.to_str()?.strip_suffix(".tar")?.rsplit_once('-')?;
        Some(Self { name: name.to_owned(), serial: serial.parse().ok()? })
    }

    fn file(&self) -> String {
        format!("{BUNDLES}/{}-{}.tar", self.name, self.serial)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.serial)
    }
}

/// A bundle, and the very bytes that were checked.
#[derive(Debug)]
pub struct Checked {
    pub bundle: Bundle,
    pub bytes: Vec<u8>,
}

impl Place {
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// The bundle in force.
    ///
    /// # Errors
    /// It cannot be read or trusted, or is another one than its name says; others than root may change what says so. Only where nothing
    /// is in force there is none.
    pub fn current(&self) -> Result<Option<Bundle>, Problems> {
        let link = self.0.join(CURRENT);
        match fs::symlink_metadata(&link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(text::unreadable(&link, &error).into()),
            Ok(_) => {}
        }
        let back = |mut problem: Problem| {
            problem.hint("interlock policy rollback puts in force what was before it");
            problem
        };
        let read =
            self.read(&link).map_err(|problems| problems.into_iter().map(back).collect::<Problems>())?;
        let (found, named) = (Id::of(&read.bundle), self.in_force());
        if named.as_ref() != Some(&found) {
            let problem =
                Problem::of_file(link.display().to_string(), format!("it leads to the bundle {found}"));
            let mut problem = back(problem);
            problem.expected(format!("a link to {}", found.file()));
            return Err(problem.into());
        }
        Ok(Some(read.bundle))
    }

    /// Reads a bundle, wherever it lies, by the keys that count here.
    ///
    /// # Errors
    /// It cannot be read, or counts for nothing; a key that cannot be read; others than root may change what lies here.
    pub fn read(&self, file: &Path) -> Result<Checked, Problems> {
        let (keys, bundles) = (self.0.join(KEYS), self.0.join(BUNDLES));
        trust::check([self.0.as_path(), &keys, &bundles])?;
        let name = file.display().to_string();
        let bytes = regular::read(file, BYTES_MAX).map_err(|error| text::unreadable(file, &error))?;
        let bundle = Bundle::read(&bytes, &self.keys()?).map_err(|error| {
            let mut problem = Problem::of_file(name, error.to_string());
            problem.expected(format!("a bundle that a key in {} has signed", keys.display()));
            Problems::from(problem)
        })?;
        Ok(Checked { bundle, bytes })
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
                // In two files it is one key.
                Ok(Ok(key)) if keys.iter().any(|known| is_same(known, &key)) => {}
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

    /// What is installed, by name and serial.
    ///
    /// # Errors
    /// The system's.
    pub fn installed(&self) -> io::Result<Vec<Id>> {
        let files = match text::visible(&self.0.join(BUNDLES)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            files => files?,
        };
        let mut installed: Vec<Id> = files.iter().filter_map(|file| Id::of_file(file)).collect();
        installed.sort();
        Ok(installed)
    }

    /// Which one the link names, whether or not that can be read.
    #[must_use]
    pub fn in_force(&self) -> Option<Id> {
        Id::of_file(&fs::read_link(self.0.join(CURRENT)).ok()?)
    }

    /// Which one was in force before, as the link says that `switch` leaves; `None`: what is built in, or nobody knows.
    #[must_use]
    pub fn before(&self) -> Option<Id> {
        Id::of_file(&fs::read_link(self.0.join(PREVIOUS)).ok()?)
    }

    /// Whether anything is in force in place of what is built in, also what cannot be read.
    #[must_use]
    pub fn has_any(&self) -> bool {
        fs::symlink_metadata(self.0.join(CURRENT)).is_ok()
    }

    #[must_use]
    pub fn file(&self, id: &Id) -> PathBuf {
        self.0.join(id.file())
    }

    /// Lays a bundle beside the others; it is on the disk when this returns, and not in force. `false`: it lay there before.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where another one has its name and serial.
    pub fn keep(&self, checked: &Checked) -> io::Result<bool> {
        let id = Id::of(&checked.bundle);
        let dir = self.0.join(BUNDLES);
        let file = self.file(&id);
        fs::create_dir_all(&dir)?;
        for dir in [&self.0, &dir] {
            fs::set_permissions(dir, Permissions::from_mode(0o755))?; // whoever checks rules reads it, whatever the umask
        }
        if fs::symlink_metadata(&file).is_ok() {
            let same = self.read(&file).is_ok_and(|found| found.bundle.manifest == checked.bundle.manifest);
            return if same { Ok(false) } else { Err(io::ErrorKind::AlreadyExists.into()) };
        }
        let fresh = dir.join(format!(".{id}.new"));
        let mut new = OpenOptions::new().write(true).create(true).truncate(true).open(&fresh)?;
        new.set_permissions(Permissions::from_mode(0o644))?;
        new.write_all(&checked.bytes)?;
        new.sync_all()?;
        fs::rename(&fresh, &file)?;
        fsync(File::open(&dir)?)?;
        Ok(true)
    }

    /// Takes one away that is not in force.
    ///
    /// # Errors
    /// The system's.
    pub fn forget(&self, id: &Id) -> io::Result<()> {
        fs::remove_file(self.file(id))
    }

    /// Puts an installed bundle in force, or what is built in. Whoever reads finds the one or the other, never neither.
    ///
    /// # Errors
    /// The system's.
    pub fn switch(&self, to: Option<&Id>) -> io::Result<()> {
        let before = self.in_force();
        self.link(CURRENT, to)?;
        self.link(PREVIOUS, before.filter(|before| Some(before) != to).as_ref())?;
        Ok(fsync(File::open(&self.0)?)?)
    }

    /// Whoever goes back once more goes further back, and not to what was just left.
    ///
    /// # Errors
    /// The system's.
    pub fn forget_before(&self) -> io::Result<()> {
        self.link(PREVIOUS, None)
    }

    fn link(&self, name: &str, to: Option<&Id>) -> io::Result<()> {
        let link = self.0.join(name);
        let Some(to) = to else {
            return match fs::remove_file(&link) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
        };
        let fresh = self.0.join(format!(".{name}.new"));
        let _ = fs::remove_file(&fresh); // of somebody who was killed here
        symlink(to.file(), &fresh)?;
        fs::rename(&fresh, &link)
    }
}

fn is_same(one: &StandardVerifier, other: &StandardVerifier) -> bool {
    (one.name(), one.key_id()) == (other.name(), other.key_id())
}
