//! The tools that load settings, and their shells.

use crate::{
    catalog::{
        fields::{any, texts},
        path::basename,
        pattern::wildcard,
        reading::{Entry, entries},
        secrets::entry::{commands::Commands, owners::Owners},
    },
    yaml::{Node, Report, Section},
};

/// A tool that loads settings.
#[derive(Debug)]
pub struct Loader {
    pub programs: Owners,
    /// Its commands that print what they load.
    pub prints: Commands,
    pub shell: Option<LoadersShell>,
}

/// The shell that a loader has its files read by.
#[derive(Debug)]
pub struct LoadersShell {
    /// What the loader tells it with `-c`; a `*` stands for any text.
    command: String,
    /// Base names of what it reads.
    pub reads: Vec<String>,
}

const FIELDS: &[&str] = &["id", "programs", "modules", "prints", "values", "shell", "source", "unverified"];

pub fn read(file: &Section<'_>, report: &mut Report<'_>) -> Vec<Loader> {
    let mut loaders = Vec::new();
    for Entry { section, .. } in entries(file, "loaders", FIELDS, report) {
        let programs = section.need_items("programs", report, any);
        if section.has("programs") && section.is_empty("programs") {
            section.refuse("programs", report, "there are none", "list at least one program");
        }
        loaders.push(Loader {
            programs: Owners::new(programs, texts(&section, "modules", report), Vec::new()),
            prints: Commands::read(&section, "prints", report),
            shell: section.read("shell", report, shell),
        });
    }
    loaders
}

fn shell(node: &Node, path: &str, report: &mut Report<'_>) -> Option<LoadersShell> {
    let section = Section::open(node, path, &["told", "reads"], report)?;
    let reads = section.need_items("reads", report, any);
    Some(LoadersShell { command: section.need("told", report, any)?, reads })
}

impl LoadersShell {
    pub fn is(&self, executable: &str, args: &[String]) -> bool {
        const SHELLS: [&str; 4] = ["bash", "sh", "zsh", "dash"];
        let mut commands = args.iter().skip_while(|arg| *arg != "-c").skip(1);
        SHELLS.contains(&basename(executable))
            && commands.next().is_some_and(|text| wildcard(&self.command, text))
    }
}
