//! What the API of a cluster says of a pod.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A pod, as far as somebody is shown it or a rule asks for it. Bounded by whoever reads it from the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pod {
    /// As the API writes it. Of a static pod the hash of its manifest, which is what its cgroup is called by.
    pub uid: String,
    pub namespace: String,
    pub name: String,
    #[serde(default)]
    pub node: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub service_account: Option<String>,
    /// What made it; `None` of a pod that somebody made by hand.
    #[serde(default)]
    pub workload: Option<Workload>,
    /// Whose workspace it is, by the catalogue.
    #[serde(default)]
    pub owner: Option<PodOwner>,
    /// `spec.runtimeClassName`.
    #[serde(default)]
    pub runtime_class: Option<String>,
}

/// The object that a pod is a part of: `Deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Workload {
    pub kind: String,
    pub name: String,
}

impl fmt::Display for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.kind, self.name)
    }
}

/// A name of the cluster's, never a user of this machine: nothing that asks for a uid takes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PodOwner {
    pub name: String,
    /// The catalogue's entry that says so: `coder`.
    pub platform: String,
    pub trust: Trust,
}

/// Who can set what an owner is read from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Whoever may write pods in the namespace.
    Tenant,
    /// Whoever writes the templates that workspaces are made from.
    Template,
    /// The platform's controller alone, as long as nobody else may write pods there.
    Platform,
}

/// Whether a session is in a pod, and what is known of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InPod {
    #[default]
    Outside,
    /// In one of which the API has not said anything yet, or nobody asked it.
    Unknown,
    Known(Arc<Pod>),
}
