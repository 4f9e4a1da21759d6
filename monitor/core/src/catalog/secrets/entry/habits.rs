//! Whose libraries read an entry's store unasked.

use globset::GlobSet;

use crate::{
    catalog::{
        command::Programs,
        fields::{any, globs, texts, written},
    },
    facts::Grade,
    problem::Problem,
    yaml::{Node, Report, Section, word},
};

/// Who reads an entry by habit, and where it counts all the same.
#[derive(Debug)]
pub struct Habits {
    /// By base name.
    pub programs: Programs,
    /// By the program's path; the script's own where an interpreter runs it.
    pub places: GlobSet,
    /// Interpreters, while what they run is installed or lies in the workspace.
    pub of_installed: Programs,
    /// As what a read counts where nobody is known; `None`: as the entry's grade.
    pub elsewhere: Option<Grade>,
    /// Packs and endpoints that the credential is for.
    pub is_for: Vec<String>,
    /// Those that the entry states, where they are not its own pack.
    pub stated: Vec<StatedFor>,
}

/// A pack or an endpoint that a credential is stated to be for; the destinations must know it.
#[derive(Clone, Debug)]
pub struct StatedFor {
    pub name: String,
    /// Where it stands, ready to be reported.
    pub place: Problem,
}

impl Habits {
    /// Reads whose libraries read the entry; `own` is its pack, which the credential is for where nothing else is stated.
    pub fn read(entry: &Section<'_>, own: Option<&String>, report: &mut Report<'_>) -> Self {
        let implicit = written(entry, "implicit", report);
        let (places, programs): (Vec<_>, Vec<_>) =
            implicit.into_iter().partition(|name| name.value.contains('/'));
        let stated = entry.items("for", report, stated);
        let names = || stated.iter().map(|stated| stated.name.clone());
        Self {
            places: globs(&places, report),
            programs: Programs::new(programs.into_iter().map(|program| program.value).collect()),
            of_installed: Programs::new(texts(entry, "implicit_installed", report)),
            elsewhere: entry.read("implicit_grade", report, word),
            is_for: if entry.has("for") { names().collect() } else { own.into_iter().cloned().collect() },
            stated,
        }
    }
}

fn stated(node: &Node, path: &str, report: &mut Report<'_>) -> Option<StatedFor> {
    let name = any(node, path, report)?;
    Some(StatedFor { name, place: report.problem(node.referenced, path, "") })
}
