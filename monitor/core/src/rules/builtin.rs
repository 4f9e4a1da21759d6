//! The rules that come with the program.

/// The rules that apply where no file says otherwise.
pub const DEFAULT: &str = include_str!("../../../../rules/default.yaml");

/// What a file says that is to be judged by without [`DEFAULT`]: `builtin: replace`.
pub const REPLACE: &str = "replace";

/// Name of the pseudo-file that holds [`DEFAULT`].
pub const DEFAULT_NAME: &str = "default.yaml (built in)";

/// The rules that apply before any file: those of the program, or newer ones that were installed in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base<'b> {
    /// Stands in front of their problems, as the file that each of the rules is from.
    pub name: &'b str,
    pub text: &'b str,
}

impl Base<'static> {
    pub const BUILTIN: Self = Self { name: DEFAULT_NAME, text: DEFAULT };
}
