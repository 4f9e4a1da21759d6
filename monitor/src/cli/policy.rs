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
        bundle::{Bundle, Checked, Id, Place},
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
    /// Also in place of a bundle of another name
    #[arg(long)]
    other: bool,
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
    name: String,
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
                let Checked { bundle, .. } = judge::read(&place(&config)?, &named.file, &printer)?;
                let said = sentence(&bundle);
                judge::fits(&config, &bundle, &printer)?;
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
    let place = place(&config)?;
    let in_force = place.in_force();
    let installed = place.installed().map_err(failed("the installed bundles"))?.into_iter().map(|id| {
        let in_force = in_force.as_ref() == Some(&id);
        Installed { name: id.name, serial: id.serial, in_force }
    });
    let installed: Vec<Installed> = installed.collect();
    let none = "no bundle was installed: what is built in is in force";
    printer.list(&installed, none, &["NAME", "SERIAL", "STATE"], |bundle| {
        let state = if bundle.in_force { "in force" } else { "-" };
        vec![bundle.name.clone(), bundle.serial.to_string(), state.into()]
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
        let checked = judge::read(&place, &self.file, printer)?;
        let (id, said) = (Id::of(&checked.bundle), sentence(&checked.bundle));
        self.may_follow(&place, &id, &said)?;
        judge::fits(&config, &checked.bundle, printer)?;
        // The bytes that were judged, and not what lies at the file's name by now.
        let is_new = place.keep(&checked).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::new(Exit::Negative, format_args!("another bundle {id} is installed"))
            }
            _ => failed("the bundle cannot be kept")(error),
        })?;
        if let Err(failure) = switch(global, &place, Some(&id), printer) {
            // What was refused stands in nobody's way.
            if is_new && let Err(error) = place.forget(&id) {
                printer.say(&format!("{id} cannot be removed again: {error}"));
            }
            return Err(failure);
        }
        printer.data(&format!("in force: {said}"))?;
        Ok(Exit::Success)
    }

    /// A bundle that was signed once is signed for ever: without this, whoever hands it over chooses which.
    fn may_follow(&self, place: &Place, id: &Id, said: &str) -> Result<(), Failure> {
        let refused = |why: String| Err(Failure::new(Exit::Negative, format_args!("{said}: {why}")));
        let installed = place.installed().map_err(failed("the installed bundles"))?;
        let newest = installed.iter().filter(|known| known.name == id.name).max();
        if let Some(newest) = newest.filter(|newest| newest.serial > id.serial && !self.older) {
            return refused(format!(
                "{newest} was installed before, and this one is older; --older installs it all the same"
            ));
        }
        match place.in_force().filter(|current| current.name != id.name && !self.other) {
            Some(current) => {
                refused(format!("{current} is in force, which has another name; --other takes its place"))
            }
            None => Ok(()),
        }
    }
}

impl Rollback {
    fn perform(&self, global: &Global, printer: &Printer) -> Result<Exit, Failure> {
        privilege::require("going back to another bundle", printer)?;
        let config = global.config(printer)?;
        let place = place(&config)?;
        if !place.has_any() {
            return Err(Failure::new(
                Exit::Negative,
                "what is built in is in force: there is nothing before it",
            ));
        }
        let to = if self.builtin { None } else { earlier(&place)? };
        judge_again(&config, &place, to.as_ref(), printer)?;
        switch(global, &place, to.as_ref(), printer)?;
        place.forget_before().map_err(failed("which one was before"))?;
        let said = to.map_or_else(|| "what is built in".to_owned(), |id| id.to_string());
        printer.data(&format!("in force: {said}"))?;
        Ok(Exit::Success)
    }
}

/// The one before; where nobody knows which that was, the newest that is older, if there is one.
fn earlier(place: &Place) -> Result<Option<Id>, Failure> {
    let installed = place.installed().map_err(failed("the installed bundles"))?;
    let (current, before) = (place.in_force(), place.before().filter(|before| installed.contains(before)));
    let is_older =
        |id: &Id| current.as_ref().is_some_and(|now| now.name == id.name && id.serial < now.serial);
    Ok(before.or_else(|| installed.iter().filter(|id| is_older(id)).max().cloned()))
}

/// What was right when it was installed may have been changed, and this machine's own files too.
fn judge_again(config: &Config, place: &Place, to: Option<&Id>, printer: &Printer) -> Result<(), Failure> {
    match to {
        Some(id) => {
            let checked = judge::read(place, &place.file(id), printer)?;
            judge::fits(config, &checked.bundle, printer)
        }
        None => judge::fits_builtin(config, printer),
    }
}

/// Puts one in force, and has the daemon read it. Where that refuses it, everything is as it was.
fn switch(global: &Global, place: &Place, to: Option<&Id>, printer: &Printer) -> Result<(), Failure> {
    let before = place.in_force();
    place.switch(to).map_err(failed("it cannot be put in force"))?;
    match rules::reload(global) {
        Ok(_) => Ok(()),
        Err(failure) if failure.exit == Exit::NoDaemon => {
            printer.say("no daemon runs; the next one begins with it");
            Ok(())
        }
        Err(failure) => {
            place.switch(before.as_ref()).map_err(failed("what was in force before cannot be put back"))?;
            if rules::reload(global).is_err() {
                printer.say("the daemon did not read again what was in force before; interlock status says what it has");
            }
            Err(failure)
        }
    }
}
