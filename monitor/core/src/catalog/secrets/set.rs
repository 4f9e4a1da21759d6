//! The catalogue of secrets, and what it says of its entries.

use std::collections::{BTreeSet, HashSet};

use globset::GlobSet;
use monitor_common::policy::SecretTag;

use super::{
    document::{jobs::Job, loaders::Loader, moves::Move, places::Places, searches::Searches},
    entry::{Entry, habits::StatedFor},
    names::{self, Generic, KernelNames},
    pattern::Pattern,
};
use crate::{
    catalog::{command::Programs, digest::Digest},
    facts::Grade,
};

/// Name of its file in a directory of catalogues.
pub const FILE: &str = "secrets.yaml";

/// The catalogue of secrets.
#[derive(Debug)]
pub struct Secrets {
    pub(super) entries: Vec<Entry>,
    /// In the file's order, braces written out: the first that matches a path decides.
    pub(super) patterns: Vec<Pattern>,
    /// One glob for each pattern, with the same index.
    pub(super) globs: GlobSet,
    pub(super) except: GlobSet,
    pub(super) harmless: HashSet<String>,
    pub(super) names: KernelNames,
    pub(super) places: Places,
    pub(super) generic: Generic,
    pub(super) moves: Vec<Move>,
    pub(super) jobs: Vec<Job>,
    pub(super) searches: Searches,
    pub(super) loaders: Vec<Loader>,
    /// Programs that stand for what their first argument names.
    pub(super) wrappers: Programs,
    pub(in crate::catalog) digest: Digest,
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged<'a> {
    /// Index of the entry, as in [`SecretTag::entry`].
    pub entry: u32,
    pub id: &'a str,
    pub class: &'a str,
    pub grade: Grade,
}

impl Secrets {
    /// What the kernel looks for by name: hashes of [`monitor_common::hash`], each at most once.
    ///
    /// A tag of grade [`monitor_common::policy::GRADE_NONE`] is a name that looks like a secret and is none.
    #[must_use]
    pub fn kernel_names(&self) -> Vec<(u64, SecretTag)> {
        self.names.merged(|entry| self.kernel_tag(entry))
    }

    /// How the kernel marks the entry's files. A read of one whose pack is switched off is reported, and taints nothing.
    #[must_use]
    pub fn kernel_tag(&self, entry: u32) -> Option<SecretTag> {
        let found = self.entry(entry)?;
        let grade = if found.off { names::GRADE_REPORTED } else { names::grade(found.grade) };
        Some(SecretTag::of(entry, grade))
    }

    /// The pack of each entry that is part of one, with repetitions.
    pub(in crate::catalog) fn packs(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| entry.pack.as_deref())
    }

    /// The packs and endpoints that entries state their credentials are for.
    pub(in crate::catalog) fn stated_to_be_for(&self) -> impl Iterator<Item = &StatedFor> {
        self.entries.iter().flat_map(|entry| &entry.habits.stated)
    }

    /// Switches exactly these packs off.
    pub(in crate::catalog) fn switch_off(&mut self, packs: &BTreeSet<&str>) {
        for entry in &mut self.entries {
            entry.off = entry.pack.as_deref().is_some_and(|pack| packs.contains(pack));
        }
    }

    /// The pack that the entry of this id was switched off with.
    #[must_use]
    pub fn switched_off(&self, id: &str) -> Option<&str> {
        let entry = self.entries.iter().filter(|entry| entry.off).find(|entry| entry.id == id)?;
        entry.pack.as_deref()
    }

    /// What the kernel's tag stands for. For files found by inode this is the answer: their name may be any.
    #[must_use]
    pub fn tagged(&self, entry: u32) -> Option<Judged<'_>> {
        let found = self.entries.get(usize::try_from(entry).ok()?)?;
        Some(Judged { entry, id: &found.id, class: &found.class, grade: found.grade })
    }

    /// Whether the entry's files lie in projects alone: what a command prints of them is the workspace's own.
    #[must_use]
    pub fn is_of_projects(&self, entry: u32) -> bool {
        let mut files = self.patterns.iter().filter(|pattern| pattern.entry == entry).peekable();
        files.peek().is_some() && files.all(Pattern::anywhere)
    }

    /// Ids of all entries, in the file's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.id.as_str())
    }

    /// Classes of the entries, with repetitions.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.class.as_str())
    }

    pub(in crate::catalog) fn wrappers(&self) -> &Programs {
        &self.wrappers
    }

    pub(super) fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }
}
