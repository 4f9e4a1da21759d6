//! What happens where the ledger cannot be written.

/// Whether a person's yes counts although nobody can prove it later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// Nothing is let go on: approvals are refused, and what an earlier approval would let through is refused too.
    #[default]
    Hold,
    /// It is let go on, and the record that is missing is told as soon as one can be written.
    Degrade,
}
