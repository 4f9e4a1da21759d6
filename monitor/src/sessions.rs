//! Agent sessions: who is one, and where it works.

pub mod detection;
pub mod workspace;
