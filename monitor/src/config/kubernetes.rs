//! `[kubernetes]`: what the daemon knows of the cluster that its node belongs to.

use std::path::PathBuf;

use super::{
    cluster_roles::ClusterRoles,
    reader::{Reader, Value},
};
use interlock_core::pods::{NAMESPACE, Namespaces, SELECTOR, Selection};
use interlock_host::machine::NODE_NAME;

const KEYS: [&str; 8] =
    ["admins", "approvers", "enabled", "groups", "kubeconfig", "labels", "namespaces", "node"];

/// Everything is off unless `enabled`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubernetes {
    pub enabled: bool,
    /// The node's name in the API; [`Self::node`] looks further.
    pub node: Option<String>,
    /// File of the access to the API; `None`: the service account of the daemon's own pod.
    pub kubeconfig: Option<PathBuf>,
    /// The pods whose agents are watched.
    pub selection: Selection,
    /// Who decides through the cluster.
    pub roles: ClusterRoles,
}

impl Kubernetes {
    /// The configured name of the node, else what the downward API says.
    #[must_use]
    pub fn node(&self) -> Option<String> {
        let of_pod = || std::env::var(NODE_NAME).ok().filter(|name| is_node(name));
        self.node.clone().or_else(of_pod)
    }

    /// What is missing that no key says; `None`: it can begin.
    #[must_use]
    pub fn obstacle(&self) -> Option<&'static str> {
        if !self.enabled {
            return None;
        }
        if cfg!(not(feature = "kubernetes")) {
            return Some("this program was built without Kubernetes (the cargo feature kubernetes)");
        }
        self.node().is_none().then_some(
            "the name of this node is not known: set kubernetes.node, or the variable NODE_NAME from the downward API (spec.nodeName)",
        )
    }
}

impl Reader<'_> {
    /// Each key replaces what an earlier file says of it.
    pub fn kubernetes(&mut self, value: &Value<'_>, key: &str, kubernetes: &mut Kubernetes) {
        let Some(table) = value.get_ref().as_table() else {
            self.refuse_found::<()>(value, key, "a table, begun by [kubernetes]");
            return;
        };
        for (name, value) in table {
            let (field, key) = (name.get_ref().as_ref(), format!("{key}.{}", name.get_ref()));
            match field {
                "enabled" => kubernetes.enabled = self.truth(value, &key).unwrap_or(kubernetes.enabled),
                "node" => kubernetes.node = self.node(value, &key).or(kubernetes.node.take()),
                "kubeconfig" => {
                    let file = self.absolute(value, &key, "an absolute path, as a string");
                    kubernetes.kubeconfig = file.or(kubernetes.kubeconfig.take());
                }
                "namespaces" => {
                    let patterns = self.each(value, &key, Self::namespace);
                    kubernetes.selection.namespaces = Namespaces::new(patterns);
                }
                "approvers" => {
                    let approvers = self.cluster_members(value, &key);
                    kubernetes.roles.approvers = approvers.unwrap_or_default();
                }
                "admins" => {
                    kubernetes.roles.admins = self.cluster_members(value, &key).unwrap_or_default();
                }
                "groups" => kubernetes.roles.groups = self.cluster_groups(value, &key),
                "labels" => self.labels(value, &key, &mut kubernetes.selection),
                _ => self.refuse_key(name.span(), &key, field, &KEYS),
            }
        }
    }

    fn truth(&mut self, value: &Value<'_>, key: &str) -> Option<bool> {
        value.get_ref().as_bool().or_else(|| self.refuse_found(value, key, "true or false"))
    }

    fn node(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let name = value.get_ref().as_str().filter(|name| is_node(name)).map(str::to_owned);
        name.or_else(|| self.refuse_found(value, key, "the name of a node, as \"worker-1\""))
    }

    fn namespace(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        let pattern = value.get_ref().as_str().and_then(Namespaces::read);
        pattern.or_else(|| self.refuse_found(value, key, NAMESPACE))
    }

    fn labels(&mut self, value: &Value<'_>, key: &str, selection: &mut Selection) {
        match value.get_ref().as_str().map(str::parse) {
            Some(Ok(selector)) => selection.labels = selector,
            Some(Err(why)) => self.refuse(value, key, why, SELECTOR),
            None => {
                self.refuse_found::<()>(value, key, SELECTOR);
            }
        }
    }
}

/// A DNS subdomain: it stands in a field selector, where a comma would begin another one.
fn is_node(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(is_fit)
}
