//! Exit codes, and the failures that lead to them.

use std::{fmt::Display, io, process::ExitCode};

use crate::control::client::ClientError;

/// How `interlock` ends. clap's own usage errors end with 2 as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Success = 0,
    /// A negative answer: no such thing, too late, a drill that was not stopped, rules with problems.
    Negative = 1,
    /// A command line or a configuration that makes no sense.
    Usage = 2,
    NoDaemon = 3,
    NotPermitted = 4,
    /// `run`, like `env`: Interlock itself could not, and the command was not started.
    NotStarted = 125,
    /// `run`: the command is there and cannot be run.
    NotExecutable = 126,
    /// `run`: there is no such command.
    NotFound = 127,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Lines of one cause that are shown.
const LINES_MAX: usize = 40;

/// Why a verb ended early, and what to say about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub text: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, text: impl Display) -> Self {
        Self { exit, text: Some(text.to_string()) }
    }

    /// An error with everything that led to it. Of a verifier's log only the end is shown: there it says what it minds.
    pub fn caused(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let message = cause.to_string();
            let lines: Vec<&str> = message.lines().collect();
            let end = lines.len().saturating_sub(LINES_MAX);
            let shown = lines.get(end..).unwrap_or_default().join("\n");
            if !text.contains(&shown) {
                text.push_str(": ");
                text.push_str(&shown);
            }
            next = cause.source();
        }
        Self { exit, text: Some(text) }
    }

    /// The reader of our output went away: it has seen enough.
    #[must_use]
    pub fn unread() -> Self {
        Self { exit: Exit::Success, text: None }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::NoDaemon { .. } => Exit::NoDaemon,
            ClientError::NoAccess { .. } | ClientError::NotPermitted(_) => Exit::NotPermitted,
            ClientError::NotFound(_) | ClientError::Refused { .. } | ClientError::Protocol { .. } => {
                Exit::Negative
            }
        };
        Self::new(exit, error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Negative, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::Refusal;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes = [Exit::Success, Exit::Negative, Exit::Usage, Exit::NoDaemon, Exit::NotPermitted];
        assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4]);
        let of_run = [Exit::NotStarted, Exit::NotExecutable, Exit::NotFound];
        assert_eq!(of_run.map(|exit| exit as u8), [125, 126, 127]);
    }

    #[test]
    fn each_failure_of_the_client_has_its_code() {
        let refusal = || Refusal { error: "no".into(), hint: Some("ask".into()) };
        let socket = || "/s".into();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let cases = [
            (
                ClientError::NoDaemon { socket: socket(), source: io::ErrorKind::NotFound.into() },
                Exit::NoDaemon,
            ),
            (ClientError::NoAccess { socket: socket(), source: denied() }, Exit::NotPermitted),
            (ClientError::NotPermitted(refusal()), Exit::NotPermitted),
            (ClientError::NotFound(refusal()), Exit::Negative),
            (ClientError::Refused { status: 409, refusal: refusal() }, Exit::Negative),
            (ClientError::Protocol { socket: socket(), what: "?".into() }, Exit::Negative),
        ];
        for (error, exit) in cases {
            assert_eq!(Failure::from(error).exit, exit);
        }
        let text = Failure::from(ClientError::NotPermitted(refusal())).text;
        assert_eq!(text.as_deref(), Some("not permitted: no; ask"));
    }
}
