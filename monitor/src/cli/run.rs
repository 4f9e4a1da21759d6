//! `interlock run`: this process becomes a session's root, then the command.

#[cfg(feature = "desktop")]
mod scope;

use std::{ffi::OsString, io::ErrorKind, os::unix::process::CommandExt as _, process::Command};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    printer::Printer,
    wait::wait,
};
use crate::control::{
    api::{Enroll, SessionView},
    client::Client,
};

#[derive(Args, Debug)]
pub struct Run {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<OsString>,
}

impl Run {
    /// Returns only when the command could not be started. It is never started outside a session: whoever asks for
    /// one relies on it.
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(Failure::new(Exit::Usage, "expected a command to run"));
        };
        let words = self.command.iter().map(|word| word.to_string_lossy().into_owned());
        let enroll = Enroll { command: words.collect() };
        #[cfg(feature = "desktop")]
        enter_scope(program, printer);
        // The codes of `env`: whoever calls must be able to tell what the command said from what Interlock says.
        let session: SessionView = wait(async { Ok(client.post("/v1/sessions", &enroll).await?) })
            .map_err(|failure| Failure { exit: Exit::NotStarted, ..failure })?;
        printer.say(&format!("agent session {}", session.id));
        // The label is on this process and stays on it: exec keeps the process, and with it the label.
        let error = Command::new(program).args(arguments).exec();
        let exit = if error.kind() == ErrorKind::NotFound { Exit::NotFound } else { Exit::NotExecutable };
        Err(Failure::new(exit, format_args!("{} cannot be run: {error}", program.display())))
    }
}

/// Open: the session is watched wherever it stands.
#[cfg(feature = "desktop")]
fn enter_scope(program: &OsString, printer: &Printer) {
    let entered = wait(async { Ok(scope::enter(&program.to_string_lossy()).await) });
    if let Ok(Err(why)) = entered {
        printer.say(&format!("no scope of its own: {why}"));
    }
}
