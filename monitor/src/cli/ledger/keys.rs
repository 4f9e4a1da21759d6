//! Whose signatures count.

use std::{fs, path::Path};

use clap::Args;

use crate::{
    cli::{
        exit::{Exit, Failure},
        printer::Printer,
    },
    ledger::tree::{Keys, PUBLIC_FILE},
};

#[derive(Args, Debug)]
pub struct Trusted {
    /// The host's public key (NAME+ID+KEY), or a file that has it [default: the one beside the ledger]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Public key of a witness that must have signed the checkpoint too; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
}

impl Trusted {
    /// Whether keys are named.
    pub fn is_given(&self) -> bool {
        self.key.is_some() || !self.witness.is_empty()
    }

    /// The keys that are named; without any, the host's beside the ledger in `dir`.
    pub fn keys(&self, dir: &Path, printer: &Printer) -> Result<Keys, Failure> {
        let host = match &self.key {
            Some(given) => text(given)?,
            None => {
                let beside = dir.join(PUBLIC_FILE);
                let text = fs::read_to_string(&beside).map_err(|error| {
                    let beside = beside.display();
                    Failure::new(
                        Exit::Usage,
                        format_args!("{beside}: cannot be read: {error}; name the key with --key"),
                    )
                })?;
                printer.say(&format!(
                    "the key is that of {}: who can write the ledger anew can do so there; keep it elsewhere and name it with --key",
                    beside.display()
                ));
                text
            }
        };
        let witnesses = self.witness.iter().map(|given| text(given)).collect::<Result<Vec<_>, _>>()?;
        Keys::read(&host, &witnesses).map_err(|problem| Failure::new(Exit::Usage, problem))
    }
}

/// A key has two `+` and is no path that anybody has.
fn text(given: &str) -> Result<String, Failure> {
    if given.matches('+').count() >= 2 && !Path::new(given).exists() {
        return Ok(given.to_owned());
    }
    let wrong = |error| {
        Failure::new(
            Exit::Usage,
            format_args!("--key {given}: cannot be read: {error}; expected a key or a file"),
        )
    };
    Ok(fs::read_to_string(given).map_err(wrong)?.trim().to_owned())
}
