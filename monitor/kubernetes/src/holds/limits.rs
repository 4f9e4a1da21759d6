//! How large the texts of an object may be: the cluster's store is everybody's, and agents choose what they run. Characters, as the
//! API server counts `maxLength`.

/// Longest command line.
pub const COMMAND: usize = 1000;
/// Longest other text.
pub const TEXT: usize = 300;
/// Most entries of a list.
pub const LIST: usize = 8;
/// Longest reason that a person gives: as `interlock approve --reason` takes it.
pub const REASON: usize = 500;
/// Longest name of a node, of an object, of a user or a group of the cluster.
pub const USER: usize = 256;
/// Most groups of a decision.
pub const GROUPS: usize = 256;
