//! The pods of this node, as the cluster's API last said.

#[cfg(feature = "kubernetes")]
mod thread;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::config::Kubernetes;
#[cfg(feature = "kubernetes")]
use crate::daemon::context::mailbox::handle::Inbox;
use interlock_core::{
    catalog::workspaces::Workspaces,
    facts::{BootNanos, Container, Pod},
    health::{Check, CheckState},
    pods::{Seen, Selection},
};

/// How long the agents that run when the daemon starts wait for the first list, where a selection says that not all are watched.
pub const FIRST_LIST: std::time::Duration = std::time::Duration::from_secs(5);
/// Agents outside of the selection that are remembered, so that each is told once.
const OUTSIDE_MAX: usize = 1024;

/// What is known of the node's pods. Its size is the watch's bound.
#[derive(Default)]
pub struct Pods {
    selection: Selection,
    node: Option<String>,
    /// By the name of their cgroup.
    known: HashMap<String, Seen>,
    handlers: BTreeMap<String, String>,
    pub state: State,
    /// Pods that cannot be watched and were told, with the reason.
    unwatched: HashMap<String, String>,
    outside: HashSet<(u32, BootNanos)>,
    /// Agents that run already are looked for by then, or once the pods are known.
    pub adopts: Option<BootNanos>,
    #[cfg(feature = "kubernetes")]
    keep: Option<tokio::sync::watch::Sender<BTreeSet<String>>>,
}

/// How the API stands to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody asks it.
    #[default]
    Off,
    /// It was asked, and has not said anything yet.
    Asked,
    Answers,
    Away(String),
}

impl Pods {
    /// Begins to watch, where that is configured.
    ///
    /// # Errors
    /// No thread can be had.
    #[cfg(feature = "kubernetes")]
    pub fn start(config: &Kubernetes, workspaces: &Workspaces, back: Inbox) -> std::io::Result<Self> {
        let Some(node) = config.node().filter(|_| config.enabled) else { return Ok(Self::default()) };
        let (keep, kept) = tokio::sync::watch::channel(workspaces.annotations());
        thread::start(config.kubeconfig.clone(), node.clone(), kept, back)?;
        let selection = config.selection.clone();
        Ok(Self { selection, node: Some(node), state: State::Asked, keep: Some(keep), ..Self::default() })
    }

    /// Without Kubernetes the configuration lets nobody ask for it.
    #[cfg(not(feature = "kubernetes"))]
    pub fn start<B>(_: &Kubernetes, _: &Workspaces, _: B) -> std::io::Result<Self> {
        Ok(Self::default())
    }

    /// The catalogue may read other annotations from now on.
    #[cfg_attr(not(feature = "kubernetes"), allow(clippy::unused_self, reason = "nobody watches"))]
    pub fn keep(&self, annotations: BTreeSet<String>) {
        #[cfg(feature = "kubernetes")]
        if let Some(keep) = &self.keep {
            keep.send_if_modified(|kept| {
                let is_other = *kept != annotations;
                *kept = annotations;
                is_other
            });
        }
        #[cfg(not(feature = "kubernetes"))]
        drop(annotations);
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The pod of a container, with the owner that the catalogue tells; `None` outside of every pod, and of one that is not known.
    pub fn of(&self, container: Option<&Container>, workspaces: &Workspaces) -> Option<Arc<Pod>> {
        let seen = self.known.get(container?.pod.as_ref()?)?;
        let owner = workspaces.owner(&seen.pod.labels, &seen.annotations);
        Some(Arc::new(Pod { owner, ..seen.pod.clone() }))
    }

    /// The pod of a container, where it is known and the selection leaves it out. What is not known is watched: fails closed.
    pub fn left_out(&self, container: Option<&Container>) -> Option<&Pod> {
        let seen = self.known.get(container?.pod.as_ref()?)?;
        (!self.selection.has(&seen.pod.namespace, &seen.pod.labels)).then_some(&seen.pod)
    }

    /// Whether not every pod's agents are watched, and no pod is known yet.
    pub fn awaits_first_list(&self) -> bool {
        self.state == State::Asked && self.selection != Selection::default()
    }

    /// Whether the agent was not told yet. Beyond the bound some are told again.
    pub fn is_first_outside(&mut self, pid: u32, start: BootNanos) -> bool {
        if self.outside.len() >= OUTSIDE_MAX {
            self.outside.clear();
        }
        self.outside.insert((pid, start))
    }

    pub fn replace(&mut self, pods: Vec<Seen>) {
        self.known = pods.into_iter().map(|seen| (seen.cgroup.clone(), seen)).collect();
        self.unwatched.retain(|cgroup, _| self.known.contains_key(cgroup));
    }

    pub fn put(&mut self, seen: Seen) {
        self.known.insert(seen.cgroup.clone(), seen);
    }

    pub fn forget(&mut self, cgroup: &str) {
        self.known.remove(cgroup);
        self.unwatched.remove(cgroup);
    }

    pub fn lead_to(&mut self, handlers: BTreeMap<String, String>) {
        self.handlers = handlers;
    }

    /// Selected pods behind a kernel of their own that were not told yet, each with the reason.
    pub fn newly_unwatched(&mut self, workspaces: &Workspaces) -> Vec<(Pod, String)> {
        let mut found = Vec::new();
        for (cgroup, Seen { pod, .. }) in &self.known {
            let Some(class) = &pod.runtime_class else { continue };
            let handler = self.handlers.get(class).map(String::as_str);
            let why = workspaces.unwatchable(class, handler);
            let why = why.filter(|_| self.selection.has(&pod.namespace, &pod.labels)).map(str::to_owned);
            match why {
                Some(why) if self.unwatched.get(cgroup) != Some(&why) => {
                    self.unwatched.insert(cgroup.clone(), why.clone());
                    found.push((pod.clone(), why));
                }
                None => drop(self.unwatched.remove(cgroup)),
                Some(_) => {}
            }
        }
        found
    }

    /// How many cannot be watched, by reason.
    pub fn unwatched(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        self.unwatched.values().for_each(|why| *counts.entry(why.as_str()).or_default() += 1);
        counts
    }

    /// The line of `interlock doctor`.
    pub fn check(&self) -> Option<Check> {
        let node = self.node.as_deref()?;
        let (state, found, advice) = match &self.state {
            State::Off => return None,
            State::Answers if self.unwatched.is_empty() => {
                (CheckState::Good, format!("{} pods of {node} are known", self.len()), None)
            }
            State::Answers => {
                let unwatched = self.unwatched.len();
                let found =
                    format!("{} pods of {node} are known, {unwatched} of them cannot be watched", self.len());
                let advice = "they run behind a kernel of their own (events pod-unwatched): put the daemon inside, or give their agents another runtime class";
                (CheckState::Limited, found, Some(advice.to_owned()))
            }
            State::Asked => (CheckState::Limited, "the API has not answered yet".to_owned(), None),
            State::Away(why) => {
                let found = format!("the API is away; {} pods of {node} are as it said last", self.len());
                (CheckState::Limited, found, Some(why.clone()))
            }
        };
        Some(Check { subject: "the cluster's pods".to_owned(), state, found, advice })
    }
}
