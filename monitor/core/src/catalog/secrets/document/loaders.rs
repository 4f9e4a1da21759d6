//! The tools that load settings, and their shells.

use std::collections::HashSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::catalog::{
    path::basename,
    pattern::wildcard,
    reader::Reader,
    secrets::entry::{commands::Commands, owners::Owners},
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadersShell {
    /// What the loader tells it with `-c`; a `*` stands for any text.
    #[serde(rename = "told")]
    command: String,
    /// Base names of what it reads.
    pub reads: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLoader {
    id: String,
    programs: Vec<String>,
    #[serde(default)]
    modules: Vec<String>,
    #[serde(default)]
    prints: Vec<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    shell: Option<LoadersShell>,
    source: String,
}

pub fn read(reader: &mut Reader, raw: Vec<Spanned<serde_json::Value>>) -> Vec<Loader> {
    let raw = reader.entries::<RawLoader>(raw);
    let mut seen = HashSet::new();
    for (line, loader) in &raw {
        reader.identity(*line, &loader.id, &loader.source, &mut seen);
        if loader.programs.is_empty() {
            reader.problem(*line, format!("loader `{}` has no programs; list one", loader.id));
        }
    }
    let loader = |(line, raw): (u64, RawLoader)| Loader {
        programs: Owners::new(raw.programs, raw.modules, Vec::new()),
        prints: Commands::read(reader, line, &raw.prints, raw.values),
        shell: raw.shell,
    };
    raw.into_iter().map(loader).collect()
}

impl LoadersShell {
    pub fn is(&self, executable: &str, args: &[String]) -> bool {
        const SHELLS: [&str; 4] = ["bash", "sh", "zsh", "dash"];
        let mut commands = args.iter().skip_while(|arg| *arg != "-c").skip(1);
        SHELLS.contains(&basename(executable))
            && commands.next().is_some_and(|text| wildcard(&self.command, text))
    }
}
