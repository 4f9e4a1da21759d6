//! The rules that come with the program.

/// The rules that apply where no file says otherwise.
pub const DEFAULT: &str = include_str!("../../../../rules/default.yaml");

/// What a file says that is to be judged by without [`DEFAULT`]: `builtin: replace`.
pub const REPLACE: &str = "replace";

/// Name of the pseudo-file that holds [`DEFAULT`].
pub const DEFAULT_NAME: &str = "default.yaml (built in)";
