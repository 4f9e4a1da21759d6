//! Commands that print credentials, and commands that look for them.

use super::{
    document::searches::SearchCommand,
    set::{Judged, Secrets},
};
use crate::catalog::command::Invocation;

impl Secrets {
    /// The store whose content the command prints: `gh auth token`, `kubectl config view --raw`.
    pub(in crate::catalog) fn printed_by(&self, invocation: Invocation<'_>) -> Option<Judged<'_>> {
        let (index, _) =
            (0_u32..).zip(&self.entries).find(|(_, entry)| entry.commands.contain(invocation))?;
        self.tagged(index)
    }

    /// The way in which the command searches, if it does.
    pub(in crate::catalog) fn search(&self, invocation: Invocation<'_>) -> Option<SearchCommand<'_>> {
        self.searches.asked_by(invocation)
    }
}

#[cfg(test)]
mod tests;
