//! A pod of the API, as little of it as is needed.

use std::collections::{BTreeMap, BTreeSet};

use interlock_core::{
    facts::{Pod, Workload},
    pods::Seen,
};
use kube::core::{NotUsed, Object};
use serde::Deserialize;

/// Whatever else a pod has is passed over while it is read.
pub type NodePod = Object<Spec, NotUsed>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    node_name: Option<String>,
    service_account_name: Option<String>,
    runtime_class_name: Option<String>,
}

/// The hash of a static pod's manifest (kubelet, `pkg/kubelet/types`): its cgroup is called by that, and not by the uid that the API gave.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// That it is a static pod's, which the API server lets nobody change afterwards (`pkg/apis/core/validation`); the hash alone anybody may write.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Labels of one pod that are kept, in their order.
const LABELS: usize = 64;
/// Longest name that the API allows, and longest annotation that is kept, bytes.
const LONGEST: usize = 253;
/// Longest key: a prefix, a slash and a name.
const KEY: usize = 253 + 1 + 63;

/// `None` of what no pod can be: it has no name, no uid or no namespace. Of annotations only those in `keep` are kept.
pub fn seen(object: NodePod, keep: &BTreeSet<String>) -> Option<Seen> {
    let NodePod { metadata, spec, .. } = object;
    let bounded = |text: Option<String>| text.filter(|text| !text.is_empty() && text.len() <= LONGEST);
    let uid = bounded(metadata.uid)?;
    let annotations = metadata.annotations.unwrap_or_default();
    let is_static = annotations.contains_key(MIRROR);
    let cgroup = annotations.get(CONFIG_HASH).filter(|hash| is_static && hash.len() == 32).cloned();
    let labels = metadata.labels.unwrap_or_default();
    let workload = metadata.owner_references.unwrap_or_default().into_iter();
    let mut workload = workload.filter(|owner| owner.controller == Some(true)).map(|owner| {
        workload_of(owner.kind, owner.name, labels.get("pod-template-hash").map(String::as_str))
    });
    let workload = workload.find(|one| one.kind.len() <= LONGEST && one.name.len() <= LONGEST);
    Some(Seen {
        cgroup: cgroup.unwrap_or_else(|| uid.clone()),
        annotations: pairs(annotations, |key| keep.contains(key)),
        pod: Pod {
            uid,
            namespace: bounded(metadata.namespace)?,
            name: bounded(metadata.name)?,
            node: bounded(spec.node_name),
            service_account: bounded(spec.service_account_name),
            runtime_class: bounded(spec.runtime_class_name),
            workload,
            owner: None,
            labels: pairs(labels, |_| true),
        },
    })
}

fn pairs(all: BTreeMap<String, String>, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let fits = |(key, value): &(String, String)| wanted(key) && key.len() <= KEY && value.len() <= LONGEST;
    all.into_iter().filter(fits).take(LABELS).collect()
}

/// A Deployment's pods belong to a ReplicaSet that is called by the Deployment and the hash of its template.
fn workload_of(kind: String, name: String, template: Option<&str>) -> Workload {
    let deployment = template.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-')).map(str::to_owned);
    match deployment {
        Some(name) if kind == "ReplicaSet" && !name.is_empty() => {
            Workload { kind: "Deployment".into(), name }
        }
        _ => Workload { kind, name },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(pod: serde_json::Value) -> Option<Seen> {
        let keep = ["example.com/owner".to_owned()].into();
        seen(serde_json::from_value(pod).unwrap(), &keep)
    }

    #[test]
    fn what_is_needed_of_a_pod_is_kept_and_nothing_else() {
        let seen = read(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "web-7d4b9c-x2x", "namespace": "dev", "uid": "8e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718",
                "labels": { "app": "web", "pod-template-hash": "7d4b9c" },
                "annotations": { "example.com/owner": "ann", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "Other", "name": "o", "uid": "1" },
                    { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b9c", "uid": "2", "controller": true }] },
            "spec": { "nodeName": "worker-1", "serviceAccountName": "builder", "runtimeClassName": "gvisor",
                "containers": [{ "name": "c", "image": "i", "env": [{ "name": "TOKEN", "value": "not-kept" }] }] },
            "status": { "phase": "Running" }
        }));
        let Seen { pod, annotations, cgroup } = seen.unwrap();
        assert_eq!(annotations, [("example.com/owner".to_owned(), "ann".to_owned())].into());
        assert_eq!(cgroup, pod.uid);
        assert_eq!(pod.workload.as_ref().map(ToString::to_string).as_deref(), Some("Deployment/web"));
        assert_eq!(
            (pod.node.as_deref(), pod.service_account.as_deref()),
            (Some("worker-1"), Some("builder"))
        );
        assert_eq!((pod.runtime_class.as_deref(), pod.labels.len()), (Some("gvisor"), 2));
    }

    #[test]
    fn a_static_pod_is_found_by_the_hash_of_its_manifest() {
        const UID: &str = "8e0d0b1c-2d3e-4f50-a1b2-c3d4e5f60718";
        const HASH: &str = "1f2e3d4c5b6a79880716253443526170";
        let cgroup = |annotations| {
            let metadata = json!({ "name": "etcd-n", "namespace": "kube-system", "uid": UID, "annotations": annotations });
            read(json!({ "metadata": metadata, "spec": {} })).unwrap().cgroup
        };
        let mirror = json!({ "kubernetes.io/config.hash": HASH, "kubernetes.io/config.mirror": HASH });
        assert_eq!(cgroup(mirror), HASH);
        assert_eq!(cgroup(json!({ "kubernetes.io/config.hash": HASH })), UID, "anybody may write that alone");
    }

    #[test]
    fn a_replica_set_without_a_deployment_is_itself_and_what_is_too_much_is_left_out() {
        assert_eq!(workload_of("ReplicaSet".into(), "web".into(), Some("abc")).to_string(), "ReplicaSet/web");
        assert_eq!(
            workload_of("StatefulSet".into(), "db-abc".into(), Some("abc")).to_string(),
            "StatefulSet/db-abc"
        );
        let labels: BTreeMap<String, String> =
            (0..200).map(|n| (format!("l{n}"), "x".repeat(if n == 7 { 500 } else { 1 }))).collect();
        let pod = json!({ "metadata": { "name": "a", "namespace": "b", "uid": "u", "labels": labels }, "spec": {} });
        let kept = read(pod).unwrap().pod.labels;
        assert!(kept.len() == LABELS && !kept.contains_key("l7"));
        assert_eq!(read(json!({ "metadata": { "name": "a" }, "spec": {} })), None);
    }
}
