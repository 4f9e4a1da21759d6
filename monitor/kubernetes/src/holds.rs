//! Holds and freezes as objects of the cluster, and decisions that come back through it (`docs/decisions/0049`).
//!
//! ```text
//! daemon ─(board)→ reports ─→ InterlockHold, events of the pod
//!                                   person ─→ InterlockDecision ─→ decisions ─(decider)→ daemon
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `hold`, `decision` | the two kinds |
//! | `limits` | how large their texts may be |
//! | `board` | what the cluster is to be told, by hold |
//! | `reports` | brings it there, and tidies up |
//! | `decisions` | takes decisions, and answers them |
//! | `person` | a person's side of a decision |
//! | `probe` | whether the cluster refuses a forged decision |

pub mod board;
#[allow(clippy::duplicated_attributes, reason = "each printed column has a type of its own")]
pub mod decision;
pub mod decisions;
#[allow(clippy::duplicated_attributes, reason = "each printed column has a type of its own")]
pub mod hold;
pub mod limits;
pub mod person;
mod probe;
pub mod reports;
#[cfg(test)]
mod tests;

/// The API group of both kinds.
pub const GROUP: &str = "interlock.dev";
pub const VERSION: &str = "v1alpha1";
/// Who manages the fields that the daemon writes, and reports its events.
pub const MANAGER: &str = "interlock";
