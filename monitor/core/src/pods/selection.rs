//! The pods whose agents are watched.

use std::collections::BTreeMap;

use super::{Namespaces, Selector};

/// By namespace and by label; without either, every pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub namespaces: Namespaces,
    pub labels: Selector,
}

impl Selection {
    #[must_use]
    pub fn has(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        self.namespaces.has(namespace) && self.labels.matches(labels)
    }
}
