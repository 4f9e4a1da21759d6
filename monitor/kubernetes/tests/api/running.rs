//! A watch in a thread of its own.

use std::{collections::BTreeSet, sync::mpsc, thread, time::Duration};

use interlock_core::pods::{Failure, Update};
use interlock_kubernetes::{
    access::Access,
    pods::{Pace, Watch},
};
use serde_json::json;
use tokio::sync::watch;

use super::server::Api;

pub const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    requests: 1000,
    span: Duration::from_secs(1),
    answer: Duration::from_secs(5),
};

/// A watch that runs in a thread, and what it tells.
pub struct Running {
    told: mpsc::Receiver<Update>,
    pub keep: watch::Sender<BTreeSet<String>>,
    _dir: tempfile::TempDir,
}

pub fn watching(api: &Api, pace: Pace) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    api.kubeconfig(&file);
    let (keep, kept) = watch::channel(BTreeSet::from(["interlock.dev/owner".to_owned()]));
    let watch =
        Watch { access: Access { kubeconfig: Some(file) }, node: "worker-1".into(), keep: kept, pace };
    let (sender, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(watch.run(|update| sender.send(update).is_ok()));
    });
    Running { told, keep, _dir: dir }
}

impl Running {
    /// The next update that `wanted` takes; those before it are passed over.
    pub fn next<T>(&self, wanted: impl Fn(&Update) -> Option<T>) -> T {
        loop {
            let update = self.told.recv_timeout(Duration::from_secs(10)).unwrap();
            if let Some(found) = wanted(&update) {
                return found;
            }
        }
    }

    pub fn listed(&self) -> Vec<String> {
        self.next(|update| match update {
            Update::Listed { pods, .. } => Some(pods.iter().map(|seen| seen.pod.name.clone()).collect()),
            _ => None,
        })
    }

    pub fn changed(&self) -> String {
        self.next(|update| match update {
            Update::Changed(seen) => Some(seen.pod.name.clone()),
            _ => None,
        })
    }

    pub fn failed(&self) -> Failure {
        self.next(|update| match update {
            Update::Failed { why, .. } => Some(*why),
            _ => None,
        })
    }
}

pub fn pod(api: &Api, number: usize) {
    api.put(&format!("p{number}"), &format!("u{number}"), &json!({ "labels": { "n": "x" } }), &json!({}));
}
