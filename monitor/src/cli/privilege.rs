//! Becoming root for the verbs that need it.

use std::{
    env,
    io::{self, IsTerminal as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use super::{
    exit::{Exit, Failure},
    printer::Printer,
};

/// Returns as root, or not at all: this very command line is run again through sudo, where sudo can ask for a password
/// or needs none.
///
/// # Errors
/// When this process is not root and cannot become it.
pub fn require(what: &str, printer: &Printer) -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let refused = |why: &str| {
        Failure::new(Exit::NotPermitted, format_args!("{what} needs root{why}; run it as root or with sudo"))
    };
    if !io::stdin().is_terminal() {
        match sudo_without_password() {
            Ok(true) => {}
            Ok(false) => {
                return Err(refused(", and sudo would ask for a password that nobody can type here"));
            }
            Err(error) => return Err(refused(&format!(", and sudo cannot be run: {error}"))),
        }
    }
    let program = env::current_exe()
        .map_err(|error| refused(&format!(", and this program's path is unknown: {error}")))?;
    printer.say(&format!("{what} needs root; running it again through sudo"));
    let error = Command::new("sudo").arg("--").arg(program).args(env::args_os().skip(1)).exec();
    Err(refused(&format!(", and sudo cannot be run: {error}")))
}

fn sudo_without_password() -> io::Result<bool> {
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(sudo.status()?.success())
}
