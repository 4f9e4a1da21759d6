//! From a path to the service that it is of.

use globset::GlobSet;

use crate::catalog::{homes::homes, reader::Reader};

/// Which service a path is of.
#[derive(Debug)]
pub struct ByPath {
    globs: GlobSet,
    /// Same index as the globs: index of the service.
    targets: Vec<u32>,
}

impl ByPath {
    pub fn read(reader: &mut Reader, texts: &[String], targets: Vec<u32>) -> Self {
        Self { globs: reader.globs(0, texts), targets }
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
