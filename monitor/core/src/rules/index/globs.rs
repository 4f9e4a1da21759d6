//! Many globs that are matched at once.

use globset::{GlobSet, GlobSetBuilder};

use crate::rules::pattern::Glob;

/// Globs with what is filed under them.
#[derive(Debug, Default)]
pub struct Globs {
    /// `None` where there is no glob, or the set would not compile.
    set: Option<GlobSet>,
    /// By the number of the glob in the set; all of them are candidates where there is no set.
    places: Vec<u32>,
}

#[derive(Default)]
pub struct GlobsBuilder {
    set: Option<GlobSetBuilder>,
    places: Vec<u32>,
}

impl GlobsBuilder {
    pub fn add<'a>(&mut self, globs: impl IntoIterator<Item = &'a Glob>, place: u32) {
        for glob in globs {
            self.set.get_or_insert_with(GlobSetBuilder::new).add(glob.glob().clone());
            self.places.push(place);
        }
    }

    pub fn build(self) -> Globs {
        // Each glob compiled alone, so that only the size of all together could fail: then each is asked by itself.
        Globs { set: self.set.and_then(|set| set.build().ok()), places: self.places }
    }
}

impl Globs {
    /// Adds what is filed under the globs that match.
    pub fn find(&self, text: &str, found: &mut Vec<u32>) {
        match &self.set {
            None => found.extend_from_slice(&self.places),
            Some(set) => {
                let places = set.matches(text).into_iter().filter_map(|glob| self.places.get(glob));
                found.extend(places);
            }
        }
    }
}
