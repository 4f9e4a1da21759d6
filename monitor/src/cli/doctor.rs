//! `interlock doctor`.

use super::{
    exit::{Exit, Failure},
    language::word,
    printer::Printer,
    wait::wait,
};
use crate::control::client::{Client, ClientError};
use interlock_core::health::{Check, CheckState};

const HEADERS: [&str; 4] = ["SUBJECT", "STATE", "FOUND", "ADVICE"];

/// What the daemon has in force; without a daemon, what this process finds possible.
pub fn show(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let checks = match wait(async { Ok(client.get("/v1/doctor").await) })? {
        Err(ClientError::NoDaemon { .. }) => {
            printer.say("no daemon runs; this is what one would find");
            interlock_host::probes::doctor()
        }
        answer => answer?,
    };
    printer.list(&checks, "nothing was checked", &HEADERS, row)?;
    let missing = checks.iter().any(|check| check.state == CheckState::Missing);
    Ok(if missing { Exit::Negative } else { Exit::Success })
}

fn row(check: &Check) -> Vec<String> {
    let advice = check.advice.clone().unwrap_or_default();
    vec![check.subject.clone(), word(check.state), check.found.clone(), advice]
}
