//! Whose libraries read an entry's store unasked.

use globset::GlobSet;

use crate::{
    catalog::{command::Programs, reader::Reader},
    facts::Grade,
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
    /// Line of the entry that states them, where they are not its own.
    pub stated: Option<u64>,
}

impl Habits {
    pub fn read(
        reader: &mut Reader,
        line: u64,
        implicit: Vec<String>,
        of_installed: Vec<String>,
        elsewhere: Option<Grade>,
        (is_for, own): (Option<Vec<String>>, Option<&String>),
    ) -> Self {
        let (places, programs): (Vec<_>, Vec<_>) = implicit.into_iter().partition(|name| name.contains('/'));
        Self {
            places: reader.globs(line, &places),
            programs: Programs::new(programs),
            of_installed: Programs::new(of_installed),
            elsewhere,
            stated: is_for.as_ref().map(|_| line),
            is_for: is_for.unwrap_or_else(|| own.into_iter().cloned().collect()),
        }
    }
}
