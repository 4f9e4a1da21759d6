//! The rules that come with the program.

/// The rules that apply where no file says otherwise.
pub const DEFAULT: &str = include_str!("../../../../rules/default.yaml");

/// Name of the pseudo-file that holds [`DEFAULT`].
pub const DEFAULT_NAME: &str = "default.yaml (built in)";
