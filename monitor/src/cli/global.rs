//! Options of every verb, and what they come to.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    colour::Color,
    exit::{Exit, Failure},
    printer::{Output, Printer},
};
use crate::{config::Config, control::client::Client};

#[derive(Args, Debug)]
pub struct Global {
    /// The daemon's control socket [default: the configuration's]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Configuration file [default: /etc/interlock/config.toml if it exists]; the directory beside it (config.d) is read after it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say nothing but data and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How to print, where the verb can: before the verb or after it
    #[arg(long = "output", value_name = "OUTPUT", value_enum)]
    before: Option<Output>,
    /// When words in tables have colours
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
}

/// Of every verb that reads.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Reading {
    /// How to print [default: table]
    #[arg(long, value_enum)]
    pub output: Option<Output>,
}

impl Global {
    /// Who prints, as the verb is to be read.
    pub fn printer(&self, reading: Reading) -> Printer {
        Printer::new(reading.output.or(self.before).unwrap_or_default(), self.quiet, self.color)
    }

    /// The configuration, read; `printer` says its mistakes.
    pub fn config(&self, printer: &Printer) -> Result<Config, Failure> {
        Config::load(self.config_file()).map_err(|problems| printer.refuse(Exit::Usage, &problems))
    }

    /// The state directory that is configured, which need not exist; `printer` says the configuration's mistakes.
    pub fn state(&self, printer: &Printer) -> Result<PathBuf, Failure> {
        Config::state(self.config_file()).map_err(|problems| printer.refuse(Exit::Usage, &problems))
    }

    /// The configuration file, where one is named.
    pub fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Who asks the daemon, at the socket that is named or configured.
    pub fn client(&self) -> Result<Client, Failure> {
        match &self.socket {
            Some(socket) => Ok(Client::new(socket)),
            None => {
                let socket = Config::socket(self.config_file());
                Ok(Client::new(&socket.map_err(|problems| Failure::new(Exit::Usage, problems))?))
            }
        }
    }
}
