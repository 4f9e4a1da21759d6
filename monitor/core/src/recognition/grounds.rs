//! Where a session works, and where its programs lie.

use std::path::Path;

/// Where a session's programs lie.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grounds<'a> {
    /// Catalogue id of the session's agent.
    pub agent: &'a str,
    /// The session's home.
    pub home: Option<&'a str>,
    /// The session's workspace: nothing in it is an agent's own program, nor an owner tool's environment.
    pub workspace: Option<&'a Path>,
    /// Where the session's own agent is installed, by its root's program: see [`super::prefix`].
    pub prefix: Option<&'a Path>,
}

/// Whether a path lies outside of a session's workspace; without a workspace everything does.
#[must_use]
pub fn is_outside(workspace: Option<&Path>, path: &Path) -> bool {
    workspace.is_none_or(|workspace| !path.starts_with(workspace))
}
