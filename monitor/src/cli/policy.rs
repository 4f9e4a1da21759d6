//! `interlock policy`: signed bundles of rules and catalogues, newer than those of the program.

mod judge;
mod publish;

use std::{io, path::PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::plain,
    printer::Printer,
    privilege, rules,
};
use crate::{
    config::Config,
    policy::{
        bundle::{Bundle, Place},
        shipped::{Origin, Shipped},
    },
};

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Which bundles are installed, and which one is in force
    List(Reading),
    /// Look whether a bundle could be installed: its signature, its rules beside this machine's own, its cases
    Check(Named),
    /// Put a bundle in force in place of the built-in rules and catalogues
    Install(Install),
    /// Put the bundle before in force again, or what is built in
    Rollback(Rollback),
    /// Make a bundle of a directory, as a publisher
    Pack(publish::Pack),
    /// Make the key that bundles are signed with, as a publisher
    Key(publish::Key),
}

#[derive(Args, Debug)]
pub struct Named {
    /// The bundle
    file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Install {
    /// The bundle
    file: PathBuf,
    /// Also one that is older than what was installed before
    #[arg(long)]
    older: bool,
}

#[derive(Args, Debug)]
pub struct Rollback {
    /// To the rules and catalogues of the program, whatever is installed
    #[arg(long)]
    builtin: bool,
}

/// A bundle that is installed.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct Installed {
    serial: u64,
    in_force: bool,
}

impl Policy {
    pub fn perform(&self, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(Reading::default());
        match self {
            Self::List(reading) => list(global, &global.printer(*reading)),
            Self::Check(named) => {
                let config = global.config(&printer)?;
                let bundle = judge::read(&place(&config)?, &named.file, &printer)?;
                let said = sentence(&bundle);
                judge::fits(&config, bundle, &printer)?;
                printer.data(&format!("{said}; it can be installed"))?;
                Ok(Exit::Success)
            }
            Self::Install(install) => install.perform(global, &printer),
            Self::Rollback(rollback) => rollback.perform(global, &printer),
            Self::Pack(pack) => pack.perform(&printer),
            Self::Key(key) => key.perform(&printer),
        }
    }
}

fn place(config: &Config) -> Result<Place, Failure> {
    let none = || Failure::new(Exit::Usage, "the configuration takes no bundles: it says policy = \"none\"");
    config.policy.as_deref().map(Place::new).ok_or_else(none)
}

/// `interlock-defaults 17, signed by KEY, of 2026-12-01: 4 files`
fn sentence(bundle: &Bundle) -> String {
    let Bundle { manifest, signed_by, files } = bundle;
    let date = manifest.made.strftime("%Y-%m-%d");
    let (name, serial) = (&manifest.name, manifest.serial);
    plain(&format!("{name} {serial}, signed by {signed_by}, of {date}: {} files", files.len()))
}

fn failed(place: &str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::new(Exit::Negative, format_args!("{place}: {error}"))
}

fn list(global: &Global, printer: &Printer) -> Result<Exit, Failure> {
    let config = global.config(printer)?;
    let (serials, current) = place(&config)?.installed().map_err(failed("the installed bundles"))?;
    let installed: Vec<Installed> =
        serials.iter().map(|&serial| Installed { serial, in_force: current == Some(serial) }).collect();
    let none = "no bundle was installed: what is built in is in force";
    printer.list(&installed, none, &["SERIAL", "STATE"], |bundle| {
        vec![bundle.serial.to_string(), if bundle.in_force { "in force".into() } else { "-".into() }]
    })?;
    match Shipped::configured(&config).map_err(|problems| printer.refuse(Exit::Negative, &problems))?.bundle {
        Some(Origin { name, serial, signed_by }) => {
            printer.say(&plain(&format!("in force: {name} {serial}, signed by {signed_by}")));
        }
        None if !installed.is_empty() => printer.say("in force: what is built in"),
        None => {}
    }
    Ok(Exit::Success)
}

impl Install {
    fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        privilege::require("installing a bundle", printer)?;
        let config = global.config(printer)?;
        let place = place(&config)?;
        let bundle = judge::read(&place, &self.file, printer)?;
        let (serial, said) = (bundle.manifest.serial, sentence(&bundle));
        let (installed, before) = place.installed().map_err(failed("the installed bundles"))?;
        // A bundle that was signed once is signed for ever: without this, whoever hands it over chooses which.
        if let Some(newest) = installed.iter().max().filter(|newest| **newest > serial && !self.older) {
            let text = format!(
                "{said}: bundle {newest} was installed before, and this one is older; --older installs it all the same"
            );
            return Err(Failure::new(Exit::Negative, text));
        }
        judge::fits(&config, bundle, printer)?;
        let bytes = judge::bytes(&self.file, printer)?;
        place.keep(serial, &bytes).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(
                Exit::Negative,
                format_args!("another bundle with the serial {serial} is installed"),
            ),
            _ => failed("the bundle cannot be kept")(error),
        })?;
        switch(global, &place, Some(serial), before, printer)?;
        printer.data(&format!("in force: {said}"))?;
        Ok(Exit::Success)
    }
}

impl Rollback {
    fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        privilege::require("going back to another bundle", printer)?;
        let config = global.config(printer)?;
        let place = place(&config)?;
        let (installed, current) = place.installed().map_err(failed("the installed bundles"))?;
        let Some(before) = current else {
            return Err(Failure::new(
                Exit::Negative,
                "what is built in is in force: there is nothing before it",
            ));
        };
        let older = installed.iter().copied().filter(|serial| *serial < before).max();
        let to = older.filter(|_| !self.builtin);
        switch(global, &place, to, current, printer)?;
        let said = to.map_or_else(|| "what is built in".to_owned(), |serial| format!("bundle {serial}"));
        printer.data(&format!("in force: {said}"))?;
        Ok(Exit::Success)
    }
}

/// Puts one in force, and has the daemon read it. One that refuses it goes on with what it has, and so do the files.
fn switch(
    global: &Global,
    place: &Place,
    to: Option<u64>,
    before: Option<u64>,
    printer: &Printer,
) -> Result<(), Failure> {
    place.switch(to).map_err(failed("it cannot be put in force"))?;
    match rules::reload(global) {
        Ok(_) => Ok(()),
        Err(failure) if failure.exit == Exit::NoDaemon => {
            printer.say("no daemon runs; the next one begins with it");
            Ok(())
        }
        Err(failure) => {
            place.switch(before).map_err(failed("what was in force before cannot be put back"))?;
            Err(failure)
        }
    }
}
