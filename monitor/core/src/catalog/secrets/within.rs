//! What a directory holds, by its name alone: nobody opens the files of one that is given away as a whole.

use std::path::Path;

use super::{
    pattern::Pattern,
    set::{Judged, Secrets},
};
use crate::catalog::{
    homes::{By, homes},
    path::normalise,
    pattern::wildcard,
};

impl Secrets {
    /// The secret at `path`, or the gravest and nearest below it where that is a directory of a home, homes or one of
    /// `/etc`: who is given the one has the other. Elsewhere a directory holds one only perhaps.
    ///
    /// A store whose pack is switched off is the answer only where the directory is its own.
    #[must_use]
    pub fn within(&self, path: &str, home: Option<&str>) -> Option<Judged<'_>> {
        let directory = normalise(path);
        let itself = self.judge(&directory, home, u32::MAX).map(|judged| (0, judged));
        let place = place(&directory, home);
        let below = self.patterns.iter().filter_map(|pattern| {
            let depth = depth_below(pattern, place.as_deref()?)?;
            Some((depth, self.tagged(pattern.entry)?))
        });
        let is_off = |store: &Found<'_>| self.entry(store.1.entry).is_some_and(|entry| entry.off);
        let (off, on): (Vec<_>, Vec<_>) = itself.into_iter().chain(below).partition(is_off);
        // Another tool may have a file below `~/.aws` as well; below `~`, what is switched off must not hide the others.
        let found = if nearest(&off) < nearest(&on) { off } else { on };
        found.into_iter().min_by_key(|(depth, judged)| (judged.grade, *depth)).map(|(_, judged)| judged)
    }
}

/// How far below the directory a store lies.
type Found<'a> = (usize, Judged<'a>);

fn nearest(stores: &[Found<'_>]) -> usize {
    stores.iter().map(|(depth, _)| *depth).min().unwrap_or(usize::MAX)
}

/// The directory as the patterns name it; `None` where nothing certain lies below.
fn place(directory: &str, home: Option<&str>) -> Option<String> {
    let holds_homes = ["/", "/root", "/home", "/var/home"].contains(&directory);
    let holds_home = home.is_some_and(|home| Path::new(home).starts_with(directory));
    let is_name = |homes| directory.strip_prefix(homes).is_some_and(|name| !name.contains('/'));
    if holds_homes || holds_home || is_name("/home/") || is_name("/var/home/") {
        return Some("~".to_owned());
    }
    let of_system = Path::new(directory).starts_with("/etc").then(|| directory.to_owned());
    of_system.or_else(|| {
        let mut certain = homes(directory, home).into_iter().filter(|found| found.by != By::Guess);
        certain.next().map(|found| found.path)
    })
}

/// How far below the place the pattern's files lie.
fn depth_below(pattern: &Pattern, place: &str) -> Option<usize> {
    if pattern.anywhere() {
        return None;
    }
    let mut parts = pattern.text.split('/');
    let leads_there = place.split('/').all(|name| parts.next().is_some_and(|part| wildcard(part, name)));
    leads_there.then(|| parts.count()).filter(|depth| *depth > 0)
}
