//! What a file says of a pack.

use crate::problem::Problem;

/// As files write it.
pub const ON: &str = "on";
/// As files write it.
pub const OFF: &str = "off";

/// What a file says of one pack.
#[derive(Debug)]
pub struct Choice {
    pub name: String,
    pub on: bool,
    /// Where it stands, ready to be reported.
    pub place: Problem,
}
