//! Whose workspace a pod is, and which pods cannot be watched from their node.

pub mod read;

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use crate::{
    facts::{PodOwner, Trust},
    pods::Selector,
};

/// The file's name.
pub const FILE: &str = "workspaces.yaml";

/// What makes workspaces of pods, and what runs them.
#[derive(Debug)]
pub struct Workspaces {
    platforms: Vec<Platform>,
    runtimes: Vec<Runtime>,
    pub(super) digest: Digest,
}

/// Something that makes a pod for a person.
#[derive(Debug)]
struct Platform {
    id: String,
    /// By which its pods are told.
    pods: Selector,
    /// An annotation that its pods have.
    annotated: Option<String>,
    /// Where it says who the person is, the best first; empty where it says so nowhere.
    owner: Vec<Source>,
    trust: Trust,
}

/// What of a pod is read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Label(String),
    Annotation(String),
}

/// A runtime behind which the kernel of the node sees no process of the pod.
#[derive(Debug)]
struct Runtime {
    id: String,
    classes: BTreeSet<String>,
    handlers: BTreeSet<String>,
}

/// Labels or annotations of a pod.
pub type Pairs = BTreeMap<String, String>;

impl Workspaces {
    /// The owner by the first platform whose pod it is and that says one. One that a tenant could have written never stands for
    /// one that the platform says: the file's order is the order of trust.
    #[must_use]
    pub fn owner(&self, labels: &Pairs, annotations: &Pairs) -> Option<PodOwner> {
        let of = |platform: &Platform| {
            let name = platform.owner.iter().find_map(|source| source.of(labels, annotations))?;
            Some(PodOwner { name, platform: platform.id.clone(), trust: platform.trust })
        };
        self.platforms.iter().filter(|platform| platform.has(labels, annotations)).find_map(of)
    }

    /// The platform whose pod it is, whether or not that says whose workspace it is.
    #[must_use]
    pub fn platform(&self, labels: &Pairs, annotations: &Pairs) -> Option<&str> {
        let found = self.platforms.iter().find(|platform| platform.has(labels, annotations))?;
        Some(&found.id)
    }

    /// Why the processes of a pod of this runtime class cannot be seen: `gvisor`. The handler is what the class leads to, where that
    /// is known; a class of any name can lead to one.
    #[must_use]
    pub fn unwatchable(&self, class: &str, handler: Option<&str>) -> Option<&str> {
        let is_one = |runtime: &&Runtime| match handler {
            Some(handler) => runtime.handlers.contains(handler),
            None => runtime.classes.contains(class),
        };
        self.runtimes.iter().find(is_one).map(|runtime| runtime.id.as_str())
    }

    /// The annotations that are read, so that no others need be kept.
    #[must_use]
    pub fn annotations(&self) -> BTreeSet<String> {
        let read =
            self.platforms.iter().flat_map(|platform| &platform.owner).filter_map(|source| match source {
                Source::Annotation(key) => Some(key),
                Source::Label(_) => None,
            });
        read.chain(self.platforms.iter().filter_map(|platform| platform.annotated.as_ref()))
            .cloned()
            .collect()
    }

    /// The ids of runtimes, for labels of metrics.
    pub fn runtimes(&self) -> impl Iterator<Item = &str> {
        self.runtimes.iter().map(|runtime| runtime.id.as_str())
    }
}

impl Platform {
    fn has(&self, labels: &Pairs, annotations: &Pairs) -> bool {
        self.pods.matches(labels) && self.annotated.as_ref().is_none_or(|key| annotations.contains_key(key))
    }
}

impl Source {
    fn of(&self, labels: &Pairs, annotations: &Pairs) -> Option<String> {
        let found = match self {
            Self::Label(key) => labels.get(key),
            Self::Annotation(key) => annotations.get(key),
        };
        found.filter(|name| !name.trim().is_empty()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn owner(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Option<(String, String, Trust)> {
        let found = read::builtin().unwrap().owner(&pairs(labels), &pairs(annotations))?;
        Some((found.name, found.platform, found.trust))
    }

    fn expected(name: &str, platform: &str, trust: Trust) -> Option<(String, String, Trust)> {
        Some((name.into(), platform.into(), trust))
    }

    #[test]
    fn each_platform_says_whose_workspace_a_pod_is() {
        let coder = [("app.kubernetes.io/name", "coder-workspace"), ("com.coder.user.username", "ann")];
        assert_eq!(owner(&coder, &[]), expected("ann", "coder", Trust::Template));
        let email = [("com.coder.user.email", "ann@example.com")];
        assert_eq!(owner(&coder[..1], &email), expected("ann@example.com", "coder", Trust::Template));
        let gitpod = [("workspaceID", "w1"), ("workspaceType", "regular"), ("owner", "7f3a")];
        assert_eq!(owner(&gitpod, &[]), expected("7f3a", "gitpod-classic", Trust::Platform));
        let own = [("interlock.dev/owner", "ann@example.com")];
        assert_eq!(owner(&[], &own), expected("ann@example.com", "annotation", Trust::Tenant));
        assert_eq!(owner(&[("owner", "somebody")], &[]), None, "a label by itself is nobody's word");
    }

    #[test]
    fn a_warm_pool_has_no_owner_until_it_is_claimed() {
        let warm =
            [("agents.x-k8s.io/sandbox-name-hash", "1f2e"), ("agents.x-k8s.io/warm-pool-sandbox", "a1")];
        assert_eq!(owner(&warm, &[]), None);
        let builtin = read::builtin().unwrap();
        assert_eq!(builtin.platform(&pairs(&warm), &Pairs::new()), Some("agent-sandbox"));
        let claimed = [("interlock.dev/owner", "ann")];
        assert_eq!(owner(&warm, &claimed), expected("ann", "agent-sandbox", Trust::Template));
    }

    #[test]
    fn what_the_platform_says_stands_before_what_a_tenant_can_write() {
        let gitpod = [("workspaceID", "w1"), ("workspaceType", "regular"), ("owner", "7f3a")];
        let claims = [("interlock.dev/owner", "somebody-else")];
        assert_eq!(owner(&gitpod, &claims), expected("7f3a", "gitpod-classic", Trust::Platform));
    }

    #[test]
    fn a_runtime_is_told_by_its_handler_and_by_its_class_where_that_is_not_known() {
        let builtin = read::builtin().unwrap();
        assert_eq!(builtin.unwatchable("gvisor", None), Some("gvisor"));
        assert_eq!(builtin.unwatchable("sandboxed", Some("runsc")), Some("gvisor"));
        assert_eq!(builtin.unwatchable("kata-clh", None), Some("kata"));
        assert_eq!(builtin.unwatchable("gvisor", Some("runc")), None, "the handler is what runs it");
        assert_eq!(builtin.unwatchable("nvidia", Some("nvidia")), None);
    }
}
