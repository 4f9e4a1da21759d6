//! From a path to the service that it is of.

use globset::GlobSet;

use crate::{
    catalog::{
        fields::{Placed, globs},
        homes::homes,
    },
    yaml::Report,
};

/// Which service a path is of.
#[derive(Debug)]
pub struct ByPath {
    globs: GlobSet,
    /// Same index as the globs: index of the service.
    targets: Vec<u32>,
}

impl ByPath {
    pub fn read(texts: &[Placed], targets: Vec<u32>, report: &mut Report<'_>) -> Self {
        Self { globs: globs(texts, report), targets }
    }

    /// Of several the first; `path` is normalised.
    pub fn service(&self, path: &str, home: Option<&str>) -> Option<u32> {
        let in_homes = homes(path, home).into_iter().flat_map(|home| self.globs.matches(home.path));
        let first = self.globs.matches(path).into_iter().chain(in_homes).min()?;
        self.targets.get(first).copied()
    }

    pub fn has(&self, service: usize) -> bool {
        self.targets.iter().any(|target| usize::try_from(*target).is_ok_and(|target| target == service))
    }
}
