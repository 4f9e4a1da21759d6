//! What the ledger was at one moment, signed: a C2SP tlog-checkpoint.

use jiff::Timestamp;
use signed_note::{Note, NoteError, Signer, VerificationError};
use tlog_tiles::{Checkpoint, tlog::Hash};

use super::{
    growing::Tree,
    verifier::{Keys, cosigned_at},
};

/// Why a checkpoint proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum SignedError {
    #[error("it is no signed note (C2SP signed-note)")]
    NoNote,
    #[error("its text is no checkpoint (C2SP tlog-checkpoint)")]
    NoCheckpoint,
    #[error("it is of the ledger {found}, and the key is that of {expected}")]
    Other { found: String, expected: String },
    #[error("{0} has not signed it")]
    Unsigned(String),
    #[error("the signature of {0} does not fit its text: it was changed, or signed with another key")]
    Forged(String),
    #[error("a tree of {0} records cannot be signed: {1}")]
    Unsignable(u64, String),
}

/// A checkpoint whose signatures were checked.
#[derive(Debug, PartialEq)]
pub struct Signed {
    pub origin: String,
    /// Records that it is about: the first so many.
    pub size: u64,
    pub root: Hash,
    /// Witnesses that have signed it too, and when they say they did.
    pub witnesses: Vec<(String, Option<Timestamp>)>,
}

impl Signed {
    /// Signs the tree as it is.
    ///
    /// # Errors
    /// The key's name is no origin, or it cannot sign.
    pub fn make(tree: &Tree, signer: &dyn Signer) -> Result<Vec<u8>, SignedError> {
        let wrong = |why: String| SignedError::Unsignable(tree.size(), why);
        let text =
            Checkpoint::new(signer.name(), tree.size(), tree.root(), "").map_err(|e| wrong(e.to_string()))?;
        let mut note = Note::new(&text.to_bytes(), &[]).map_err(|error| wrong(error.to_string()))?;
        note.add_sigs(&[signer]).map_err(|error| wrong(error.to_string()))?;
        Ok(note.to_bytes())
    }

    /// Reads a checkpoint, and checks that the host and every witness among the keys have signed it.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn read(bytes: &[u8], keys: &Keys) -> Result<Self, SignedError> {
        let note = Note::from_bytes(bytes).map_err(|_| SignedError::NoNote)?;
        let checkpoint = Checkpoint::from_bytes(note.text()).map_err(|_| SignedError::NoCheckpoint)?;
        if checkpoint.origin() != keys.host() {
            let (found, expected) = (checkpoint.origin().to_owned(), keys.host().to_owned());
            return Err(SignedError::Other { found, expected });
        }
        let (good, _) = note.verify(&keys.list()).map_err(|error| refusal(error, keys))?;
        let by =
            |name: &str, id| good.iter().find(|signature| (signature.name(), signature.id()) == (name, id));
        if by(keys.host(), keys.host_id()).is_none() {
            return Err(SignedError::Unsigned(keys.host().to_owned()));
        }
        let mut witnesses = Vec::new();
        for witness in keys.witnesses() {
            let Some(signature) = by(&witness.name, witness.id) else {
                return Err(SignedError::Unsigned(witness.name.clone()));
            };
            let at = cosigned_at(signature.signature()).and_then(|time| i64::try_from(time).ok());
            witnesses.push((witness.name.clone(), at.and_then(|time| Timestamp::from_second(time).ok())));
        }
        let (origin, size, root) = (checkpoint.origin().to_owned(), checkpoint.size(), *checkpoint.hash());
        Ok(Self { origin, size, root, witnesses })
    }
}

fn refusal(error: NoteError, keys: &Keys) -> SignedError {
    match error {
        NoteError::InvalidSignature { name, .. } => SignedError::Forged(name),
        NoteError::VerificationError(VerificationError::AmbiguousKey { name, .. }) => {
            SignedError::Forged(name)
        }
        NoteError::UnverifiedNote => SignedError::Unsigned(keys.host().to_owned()),
        _ => SignedError::NoNote,
    }
}
