//! What a process was started as.

/// What a process was started as.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Path of the program.
    pub executable: &'a str,
    /// From the program's name on.
    pub args: &'a [String],
    pub env: &'a [(String, String)],
    /// What can be seen of the process itself.
    pub seen: Seen<'a>,
}

/// What a look at the process adds to how it was started; nothing where nobody looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// The program's file, links resolved.
    pub file: Option<&'a str>,
    /// Modules that an executed script takes its work from, as `-m NAME`.
    pub modules: &'a [String],
    /// Files that it maps, holds open or was started as: of a process whose title hides its arguments.
    pub holds: &'a [String],
}
