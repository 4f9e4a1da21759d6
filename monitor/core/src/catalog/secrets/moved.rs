//! Variables that move stores: `DOCKER_CONFIG`, `KUBECONFIG`, `XDG_CONFIG_HOME`. A session has its own.

use globset::{Glob, GlobSet, GlobSetBuilder};
use monitor_common::policy::SecretTag;

use super::{
    names,
    pattern::Pattern,
    set::{Judged, Secrets},
};
use crate::catalog::{
    path::{basename, normalise},
    pattern::glob,
};

/// Most places that the variables of one session can name; what a value names beyond is left out, and logged.
const PLACES_MAX: usize = 1024;

/// Where the variables of one environment put stores. It goes with a session: see [`Secrets::judge_moved`].
#[derive(Clone, Debug, Default)]
pub struct Moved {
    places: Vec<Place>,
    globs: GlobSet,
    names: Vec<(u64, SecretTag)>,
}

/// An absolute pattern and its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub pattern: String,
    pub entry: u32,
    /// Below a value that is a file more often than a directory: not looked for by name.
    guessed: bool,
}

impl Moved {
    /// Whether nothing was moved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What the kernel has to look for by name besides [`Secrets::kernel_names`], so that files which appear later at
    /// the moved places are reported; each at most once.
    #[must_use]
    pub fn names(&self) -> &[(u64, SecretTag)] {
        &self.names
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
}

impl Secrets {
    /// Where the variables that `lookup` gives put the catalogue's stores.
    #[must_use]
    pub fn moved(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Moved {
        let mut places: Vec<Place> = Vec::new();
        let mut keep = |pattern: String, entry: u32, guessed: bool| {
            let place = Place { pattern, entry, guessed };
            if !places.contains(&place) {
                places.push(place);
            }
        };
        for step in &self.moves {
            let Some(value) = lookup(&step.variable).filter(|value| is_place(value)) else { continue };
            for pattern in &self.patterns {
                if let Some(rest) = pattern.text.strip_prefix(&step.directory) {
                    keep(format!("{}/{rest}", escaped(&value)), pattern.entry, false);
                }
            }
        }
        for (index, entry) in (0_u32..).zip(&self.entries) {
            for value in entry.env_override.iter().filter_map(|name| lookup(name)) {
                for (pattern, guessed) in self.overridden(index, &value) {
                    keep(pattern, index, guessed);
                }
            }
        }
        if places.len() > PLACES_MAX {
            tracing::warn!(
                found = places.len(),
                kept = PLACES_MAX,
                "variables name more places than are kept"
            );
            places.truncate(PLACES_MAX);
        }
        self.at(places)
    }

    /// What a file is that lies where a variable moved its store to; see [`Secrets::judge`] for the usual places.
    #[must_use]
    pub fn judge_moved(&self, path: &str, moved: &Moved) -> Option<Judged<'_>> {
        let path = normalise(path);
        if self.harmless.contains(basename(&path)) {
            return None;
        }
        let first = *moved.globs.matches(&path).first()?;
        self.tagged(moved.places.get(first)?.entry)
    }

    fn at(&self, places: Vec<Place>) -> Moved {
        // Values are escaped, so only a pattern that is too large can fail; a test compiles the shipped ones. What lies there
        // is judged like any other file then.
        let compiled = places.into_iter().filter_map(|place| Some((glob(&place.pattern).ok()?, place)));
        let (globs, places): (Vec<Glob>, Vec<Place>) = compiled.unzip();
        let globs = globs.into_iter().fold(GlobSetBuilder::new(), |mut set, glob| {
            set.add(glob);
            set
        });
        let globs = globs.build().unwrap_or_default();
        let mut tags = Vec::new();
        for place in &places {
            let pattern = Pattern { text: place.pattern.clone(), entry: place.entry };
            let watched = self.entry(place.entry).filter(|entry| entry.watch && !place.guessed);
            let key = watched.and_then(|_| names::key(&pattern, &self.generic));
            let name = key.zip(self.kernel_tag(place.entry));
            tags.extend(name.filter(|name| !tags.contains(name)));
        }
        Moved { places, globs, names: tags }
    }

    /// Patterns that a variable's value names: a file, several with colons between, or a directory of the entry's files. What
    /// it is only the session's own mounts say, so it counts as both, as a directory by guess.
    fn overridden(&self, index: u32, value: &str) -> Vec<(String, bool)> {
        let value = value.strip_prefix("FILE:").unwrap_or(value);
        let mut places = Vec::new();
        for place in value.split(':').filter(|place| is_place(place)).map(escaped) {
            let of_entry = self.patterns.iter().filter(|pattern| pattern.entry == index);
            let files = of_entry.filter_map(|pattern| Some(pattern.text.rsplit_once('/')?.1));
            let below: Vec<_> = files.map(|name| (format!("{place}/{name}"), true)).collect();
            places.push((place, false));
            places.extend(below);
        }
        places
    }
}

/// An absolute path other than the root, which would make every file a store.
fn is_place(value: &str) -> bool {
    value.len() > 1 && value.starts_with('/') && !normalise(value).trim_end_matches('/').is_empty()
}

fn escaped(value: &str) -> String {
    globset::escape(normalise(value).trim_end_matches('/'))
}

#[cfg(test)]
mod tests;
