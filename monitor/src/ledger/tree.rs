//! The ledger as a transparency log: what lets somebody else check it with tools that are not ours.
//!
//! The tree is that of RFC 6962 over SHA-256. Its entry number N − 1 is the SHA-256 of the line of record N with its line's
//! end, 32 bytes: an entry of a C2SP log has at most 65,535 bytes, and a line may be longer. So `sha256sum` gives an entry,
//! and the leaf is the SHA-256 of a zero byte and those 32.
//!
//! Over it lie C2SP's formats: checkpoints (tlog-checkpoint, signed-note), what a witness adds to them (tlog-cosignature), and
//! a proof of one record (tlog-proof).

mod checkpoint;
mod growing;
mod key;
mod proof;
mod prover;
mod verifier;

pub use self::{
    checkpoint::{Signed, SignedError},
    growing::Tree,
    key::{Key, KeyError, PUBLIC_FILE, SECRET_FILE},
    proof::{Proof, ProofError},
    prover::Prover,
    verifier::{KeyProblem, Keys},
};

/// Name of the file in the state directory that has the newest checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";
