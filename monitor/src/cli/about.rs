//! `interlock version`, `completions`, `man`: what the program says of itself.

use std::{fs, io, path::PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    printer::Printer,
};
use crate::metrics::revision;
use monitor_common::ABI;

/// The shell's completions go to stdout.
#[derive(Args, Debug)]
pub struct Completions {
    /// For which shell
    shell: Shell,
}

#[derive(Args, Debug)]
pub struct Manual {
    /// Write a page for each verb into this directory, instead of the program's own to stdout
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Version {
    version: &'static str,
    /// The commit that it was built from, where the build knew it.
    revision: &'static str,
    /// Of the maps and records that the kernel programs and the daemon share.
    abi: u32,
}

pub fn version(global: &Global, reading: Reading) -> Result<Exit, Failure> {
    let Version { version, revision, abi } =
        Version { version: env!("CARGO_PKG_VERSION"), revision: revision(), abi: ABI };
    let lines =
        vec![("interlock", version.to_owned()), ("revision", revision.to_owned()), ("ABI", abi.to_string())];
    global.printer(reading).record(&Version { version, revision, abi }, lines)?;
    Ok(Exit::Success)
}

impl Completions {
    pub fn perform(&self, printer: &Printer, mut command: Command) -> Result<Exit, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "interlock", &mut text);
        printer.data(String::from_utf8_lossy(&text).trim_end())?;
        Ok(Exit::Success)
    }
}

impl Manual {
    pub fn perform(&self, printer: &Printer, mut command: Command) -> Result<Exit, Failure> {
        command.build();
        let Some(dir) = &self.dir else {
            printer.data(rendered(command)?.trim_end())?;
            return Ok(Exit::Success);
        };
        let wrong = |error: io::Error| {
            Failure::new(Exit::Negative, format_args!("{} cannot be written to: {error}", dir.display()))
        };
        fs::create_dir_all(dir).map_err(wrong)?;
        let mut written = 0;
        for (name, page) in pages("interlock", &command) {
            fs::write(dir.join(format!("{name}.1")), rendered(page)?).map_err(wrong)?;
            written += 1;
        }
        printer.say(&format!("{written} pages are in {}", dir.display()));
        Ok(Exit::Success)
    }
}

/// The command itself and every one below it that is no secret, by the names of their pages.
fn pages(name: &str, command: &Command) -> Vec<(String, Command)> {
    let mut pages = vec![(name.to_owned(), command.clone())];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        pages.extend(pages_of(name, below));
    }
    pages
}

fn pages_of(above: &str, command: &Command) -> Vec<(String, Command)> {
    let name = format!("{above}-{}", command.get_name());
    pages(&name, &command.clone().display_name(name.clone()))
}

fn rendered(command: Command) -> io::Result<String> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_verb_has_a_page_and_hidden_ones_have_none() {
        let names: Vec<String> =
            pages("interlock", &Cli::command()).into_iter().map(|(name, _)| name).collect();
        for name in ["interlock", "interlock-watch", "interlock-rules", "interlock-rules-check"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert!(
            !names.iter().any(|name| name == "interlock-prove" || name == "interlock-drill-stage"),
            "{names:?}"
        );
        let page = rendered(Cli::command()).unwrap();
        assert!(page.contains(".TH interlock 1"), "{page}");
    }
}
