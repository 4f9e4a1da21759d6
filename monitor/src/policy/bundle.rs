//! Rules and catalogues as one signed file, so that they can be newer than the program.
//!
//! A tar archive of text files. `policy.note` says which, with their hashes, and is a C2SP signed note: whoever has the publisher's
//! public key can check it with nothing of ours. A bundle is never unpacked: it stays one file, and is checked each time it is read.

mod error;
mod manifest;
mod pack;
mod place;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
};

use sha2::{Digest as _, Sha256};
use signed_note::{Note, NoteError, StandardVerifier, Verifier, VerifierList};
use tar::{Archive, EntryType};

pub use self::{
    error::BundleError,
    manifest::{Manifest, may_hold},
    pack::pack,
    place::{Checked, Id, Place},
};
use interlock_core::hex::hex;

/// The signed text.
pub const NOTE: &str = "policy.note";
/// The rules, in place of those that are built in.
pub const RULES: &str = "rules.yaml";
/// Below it lie cases, which must come out as they say before the bundle is put in force.
pub const CASES: &str = "cases/";

/// Largest bundle, bytes: the built-in catalogues have 1 MiB.
pub const BYTES_MAX: u64 = 16 << 20;
const FILES_MAX: usize = 512;
/// Characters of a name in the archive that are shown.
const NAME_SHOWN: usize = 80;
const NOTE_MAX: usize = 256 << 10;

/// A bundle whose signature and hashes were checked.
#[derive(Debug)]
pub struct Bundle {
    pub manifest: Manifest,
    /// Name of a key that signed it, of those that count.
    pub signed_by: String,
    /// Every file that it names, by its path in it.
    pub files: BTreeMap<String, String>,
}

impl Bundle {
    /// Reads a bundle of at most [`BYTES_MAX`] bytes; what it says counts if one of the keys has signed it.
    ///
    /// # Errors
    /// The first thing that is wrong with it. Nothing of it is used then.
    pub fn read(bytes: &[u8], keys: &[StandardVerifier]) -> Result<Self, BundleError> {
        let mut files = unpacked(bytes)?;
        let note = files.remove(NOTE).ok_or(BundleError::NoNote)?;
        if note.len() > NOTE_MAX {
            return Err(BundleError::NoNote);
        }
        let (text, signed_by) = signed(&note, keys)?;
        let manifest = Manifest::parse(&text)?;
        for (path, expected) in &manifest.files {
            let text = files.get(path).ok_or_else(|| BundleError::Missing(path.clone()))?;
            if hex(&Sha256::digest(text)) != *expected {
                return Err(BundleError::Changed(path.clone()));
            }
        }
        if let Some(stray) = files.keys().find(|path| !manifest.files.contains_key(*path)) {
            return Err(BundleError::Stray(stray.clone()));
        }
        Ok(Self { manifest, signed_by, files })
    }

    /// Its cases, as `interlock rules test` reads them.
    #[must_use]
    pub fn cases(&self) -> Vec<(std::path::PathBuf, String)> {
        let cases = self.files.iter().filter(|(path, _)| path.starts_with(CASES));
        cases.map(|(path, text)| (path.into(), text.clone())).collect()
    }
}

/// The files of the archive by their paths; only plain files of text are taken.
fn unpacked(bytes: &[u8]) -> Result<BTreeMap<String, String>, BundleError> {
    let mut files = BTreeMap::new();
    let mut archive = Archive::new(Cursor::new(bytes));
    for entry in archive.entries().map_err(BundleError::NoArchive)? {
        let mut entry = entry.map_err(BundleError::NoArchive)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // Before anything of it is read: nobody has signed what this is.
        if path != NOTE && !may_hold(&path) {
            return Err(BundleError::Stray(path.chars().take(NAME_SHOWN).collect()));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(BundleError::NoFile(path));
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).map_err(|_| BundleError::NoText(path.clone()))?;
        if files.insert(path.clone(), text).is_some() {
            return Err(BundleError::Twice(path));
        }
        if files.len() > FILES_MAX {
            return Err(BundleError::TooMany(FILES_MAX));
        }
    }
    Ok(files)
}

/// The note's text, and which key signed it. Others may have signed it too: theirs count for nothing.
fn signed(note: &str, keys: &[StandardVerifier]) -> Result<(String, String), BundleError> {
    let note = Note::from_bytes(note.as_bytes()).map_err(|_| BundleError::NoNote)?;
    let verifiers = keys.iter().map(|key| Box::new(key.clone()) as Box<dyn Verifier>).collect();
    let (good, _) = note.verify(&VerifierList::new(verifiers)).map_err(|error| match error {
        NoteError::InvalidSignature { name, .. } => BundleError::Forged(name),
        _ => BundleError::Unsigned { keys: keys.iter().map(|key| key.name().to_owned()).collect() },
    })?;
    let by = good.first().ok_or(BundleError::NoNote)?.name().to_owned();
    let text = String::from_utf8(note.text().to_vec()).map_err(|_| BundleError::NoNote)?;
    Ok((text, by))
}
