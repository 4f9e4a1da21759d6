//! The arguments that a stopped exec shows.

/// Most arguments of a stopped exec that are looked at.
pub const ARGUMENTS_MAX: usize = 256;

/// The arguments of a process that is stopped inside `execve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// From the program's name on.
    pub args: Vec<String>,
    /// Nothing was cut off.
    pub whole: bool,
}
