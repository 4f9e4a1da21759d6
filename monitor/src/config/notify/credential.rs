//! Credentials, each from a file that nobody but root can read: never in the configuration, never in a log.

use std::{
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use interlock_host::regular;

/// Longest credential, bytes.
const LONGEST: u64 = 8 * 1024;

/// A credential. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    /// Reads the first line of a file of root's; read anew for each message, so that another one needs no restart.
    ///
    /// # Errors
    /// It cannot be read, others may read or write it, or there is nothing in it that can be a credential.
    pub fn read(path: &Path) -> Result<Self, CredentialError> {
        let failed = |source| CredentialError::Unreadable { path: path.into(), source };
        let file = regular::open_for_reading(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let root_or_own = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
        if !root_or_own || metadata.mode() & 0o077 != 0 {
            return Err(CredentialError::Open {
                path: path.into(),
                owner: metadata.uid(),
                mode: metadata.mode() & 0o7777,
            });
        }
        let mut text = String::new();
        file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty()
            || text.len() as u64 > LONGEST
            || line.contains(|c: char| c.is_control() || c == ' ')
        {
            return Err(CredentialError::Empty { path: path.into() });
        }
        Ok(Self(line.to_owned()))
    }

    /// The credential itself, for whoever it is sent to.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Why a file has no credential that may be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} belongs to uid {owner} and has mode {mode:04o}: others may read or change it; chown root and chmod 600", path.display())]
    Open { path: PathBuf, owner: u32, mode: u32 },
    #[error("{} has no credential in its first line: one word of at most 8 KiB", path.display())]
    Empty { path: PathBuf },
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn written(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_first_line_of_a_closed_file_is_one_and_is_not_printed() {
        let file = written("fake-token-0000\n# a note\n", 0o600);
        let credential = Credential::read(file.path()).unwrap();
        assert_eq!(credential.expose(), "fake-token-0000");
        assert_eq!(format!("{credential:?}"), "Credential(…)");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o620, 0o644] {
            let file = written("fake-token-0000\n", mode);
            let error = Credential::read(file.path()).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(!error.to_string().contains("fake-token"), "{error}");
        }
    }

    #[test]
    fn what_is_no_word_is_none() {
        for text in ["", "\nsecond", "two words", "a\u{7}b", &"x".repeat(9000)] {
            let file = written(text, 0o600);
            assert!(matches!(Credential::read(file.path()), Err(CredentialError::Empty { .. })), "{text}");
        }
        assert!(matches!(Credential::read(Path::new("/")), Err(CredentialError::Unreadable { .. })));
    }
}
