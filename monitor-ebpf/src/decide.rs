//! What may happen: the tables' verdicts, and what waits for the daemon's.

pub mod hold;
pub mod verdict;
