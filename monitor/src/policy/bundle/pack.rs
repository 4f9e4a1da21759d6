//! Making a bundle: what a publisher does.

use std::{collections::BTreeMap, io};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use signed_note::{Note, Signer};
use tar::{Builder, Header};

use super::{NOTE, manifest::Manifest};
use interlock_core::hex::hex;

/// A bundle of these files, signed; the hashes of `about` are those of the files. The same manifest, files and key give the same bytes.
///
/// # Errors
/// The key cannot sign, in words.
pub fn pack(about: Manifest, files: &BTreeMap<String, String>, signer: &dyn Signer) -> io::Result<Vec<u8>> {
    let hashes = files.iter().map(|(path, text)| (path.clone(), hex(&Sha256::digest(text)))).collect();
    let made = about.made;
    let manifest = Manifest { files: hashes, ..about };
    let mut note = Note::new(manifest.text().as_bytes(), &[]).map_err(io::Error::other)?;
    note.add_sigs(&[signer]).map_err(io::Error::other)?;
    let mut archive = Builder::new(Vec::new());
    append(&mut archive, NOTE, &note.to_bytes(), made)?;
    for (path, text) in files {
        append(&mut archive, path, text.as_bytes(), made)?;
    }
    archive.into_inner()
}

fn append(archive: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8], made: Timestamp) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(u64::try_from(made.as_second()).unwrap_or_default());
    archive.append_data(&mut header, path, bytes)
}
