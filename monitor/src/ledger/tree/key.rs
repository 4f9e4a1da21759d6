//! A host's key: made once, at the daemon's first start.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rand_core::{OsRng, RngCore as _};
use rustix::fs::fsync;
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier as _, generate_key};

/// Names of the files in the state directory.
/// The key that signs, for nobody's eyes.
pub const SECRET_FILE: &str = "ledger.key";
pub const PUBLIC_FILE: &str = "ledger.vkey";
/// Longest part of a host's name that becomes part of the key's.
const NAME_MAX: usize = 64;

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{0}: others may read it, so that anybody could have signed; remove it, and the next start makes another"
    )]
    Open(PathBuf),
    #[error("{0}: is no key of this daemon; move it away, and the next start makes another")]
    Malformed(PathBuf),
}

/// What a host signs its checkpoints with.
pub struct Key {
    signer: StandardSigner,
    public: String,
    /// It was made just now.
    pub is_new: bool,
}

impl Key {
    /// Reads the key in the state directory, or makes one for a host of this name.
    ///
    /// # Errors
    /// It cannot be read or made, or is not for root alone.
    pub fn open(dir: &Path, host: &str) -> Result<Self, KeyError> {
        let path = dir.join(SECRET_FILE);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyError::Io { path, source }
        };
        let (text, is_new) = match fs::read_to_string(&path) {
            Ok(text) => (text, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (make(dir, host).map_err(io(&path))?, true)
            }
            Err(error) => return Err(io(&path)(error)),
        };
        // Fails closed: what others can sign proves nothing.
        if fs::metadata(&path).map_err(io(&path))?.mode() & 0o077 != 0 {
            return Err(KeyError::Open(path));
        }
        let (signer, public) = read(&text).ok_or_else(|| KeyError::Malformed(path.clone()))?;
        let beside = dir.join(PUBLIC_FILE);
        let line = format!("{public}\n");
        if fs::read_to_string(&beside).ok().as_ref() != Some(&line) {
            fs::write(&beside, line).map_err(io(&beside))?;
        }
        Ok(Self { signer, public, is_new })
    }

    /// For whoever checks: `NAME+ID+KEY`.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        &self.signer
    }
}

/// Two lines, the secret and the public part: the one cannot be had from the other by what reads notes.
fn read(text: &str) -> Option<(StandardSigner, String)> {
    let (secret, public) = text.trim_end().split_once('\n')?;
    let signer = StandardSigner::new(secret).ok()?;
    let verifier = StandardVerifier::new(public).ok()?;
    let probe = b"interlock\n";
    let fits = signer.name() == verifier.name() && verifier.verify(probe, &signer.sign(probe).ok()?);
    fits.then(|| (signer, public.to_owned()))
}

fn make(dir: &Path, host: &str) -> io::Result<String> {
    let name = format!("{}/interlock/{:08x}", plain(host), OsRng.next_u32());
    let (secret, public) = generate_key(&mut OsRng, &name);
    let text = format!("{secret}\n{public}\n");
    // Under another name first: half a key would be no key for ever.
    let fresh = dir.join("ledger.key.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, dir.join(SECRET_FILE))?;
    fsync(File::open(dir)?)?;
    Ok(text)
}

/// A host's name as part of a key's, which has neither spaces nor `+`; several hosts have the same name, which the number
/// behind it tells apart.
fn plain(host: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let name: String = host.chars().filter(|character| fits(*character)).take(NAME_MAX).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_root_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Key::open(dir.path(), "build 7+x").unwrap();
        assert!(first.is_new && first.public().starts_with("build7x/interlock/"), "{}", first.public());
        let again = Key::open(dir.path(), "another").unwrap();
        assert_eq!((again.public(), again.is_new), (first.public(), false));
        let path = dir.path().join(SECRET_FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let beside = fs::read_to_string(dir.path().join(PUBLIC_FILE)).unwrap();
        assert_eq!(beside.trim_end(), first.public());

        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Key::open(dir.path(), "x"), Err(KeyError::Open(_))));
    }

    #[test]
    fn what_is_no_key_is_left_alone_and_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SECRET_FILE);
        let (secret, _) = generate_key(&mut OsRng, "a");
        let (_, public) = generate_key(&mut OsRng, "a");
        for text in [String::new(), "x\ny\n".into(), format!("{secret}\n{public}\n")] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(Key::open(dir.path(), "x"), Err(KeyError::Malformed(_))), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
