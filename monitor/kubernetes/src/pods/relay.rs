//! From what kube's watcher says to what is told.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use interlock_core::pods::{Seen, Update};
use kube::runtime::watcher::Event;

use super::object::{NodePod, seen};

/// Most pods of one node that are known; a kubelet runs 110 unless it is told otherwise, and 500 at most where somebody has tried.
pub const MOST: usize = 1024;

/// What was told so far: of each pod the sum, so that what says nothing new wakes nobody up. A pod's status changes all the time.
#[derive(Debug, Default)]
pub struct Relay {
    known: HashMap<String, u64>,
    /// While everything is listed: what was listed so far, and how many were too many.
    listed: Option<(Vec<Seen>, usize)>,
}

impl Relay {
    /// Whether everything is being listed.
    pub fn lists(&self) -> bool {
        self.listed.is_some()
    }

    pub fn take(&mut self, event: Event<NodePod>, keep: &BTreeSet<String>) -> Option<Update> {
        match event {
            Event::Init => {
                self.listed = Some((Vec::new(), 0));
                None
            }
            Event::InitApply(pod) => {
                let (listed, refused) = self.listed.get_or_insert_default();
                match seen(pod, keep) {
                    Some(seen) if listed.len() < MOST => listed.push(seen),
                    _ => *refused += 1,
                }
                None
            }
            Event::InitDone => {
                let (pods, refused) = self.listed.take()?;
                self.known = pods.iter().map(|seen| (seen.cgroup.clone(), sum(seen))).collect();
                Some(Update::Listed { pods, refused })
            }
            Event::Apply(pod) => self.changed(seen(pod, keep)),
            Event::Delete(pod) => {
                let cgroup = seen(pod, keep)?.cgroup;
                self.known.remove(&cgroup).map(|_| Update::Gone(cgroup))
            }
        }
    }

    fn changed(&mut self, seen: Option<Seen>) -> Option<Update> {
        let Some(seen) = seen else { return Some(Update::Refused) };
        let (sum, room) = (sum(&seen), self.known.len() < MOST);
        match self.known.get_mut(&seen.cgroup) {
            Some(known) if *known == sum => return None,
            Some(known) => *known = sum,
            None if room => drop(self.known.insert(seen.cgroup.clone(), sum)),
            None => return Some(Update::Refused),
        }
        Some(Update::Changed(Box::new(seen)))
    }

    /// Pods that are known.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.known.len()
    }
}

fn sum(seen: &Seen) -> u64 {
    let mut sum = DefaultHasher::new();
    seen.hash(&mut sum);
    sum.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(number: usize, label: &str) -> NodePod {
        let metadata = json!({ "name": format!("p{number}"), "namespace": "n", "uid": format!("u{number}"), "labels": { "a": label } });
        serde_json::from_value(json!({ "metadata": metadata, "spec": {} })).unwrap()
    }

    fn take(relay: &mut Relay, event: Event<NodePod>) -> Option<Update> {
        relay.take(event, &BTreeSet::new())
    }

    fn list(relay: &mut Relay, pods: impl IntoIterator<Item = NodePod>) -> Option<Update> {
        assert_eq!(take(relay, Event::Init), None);
        for pod in pods {
            assert_eq!(take(relay, Event::InitApply(pod)), None);
        }
        take(relay, Event::InitDone)
    }

    #[test]
    fn what_says_nothing_new_is_not_told() {
        let mut relay = Relay::default();
        assert!(
            matches!(list(&mut relay, [pod(1, "x")]), Some(Update::Listed { pods, refused: 0 }) if pods.len() == 1)
        );
        assert_eq!(take(&mut relay, Event::Apply(pod(1, "x"))), None);
        assert!(
            matches!(take(&mut relay, Event::Apply(pod(1, "y"))), Some(Update::Changed(seen)) if seen.pod.labels["a"] == "y")
        );
        assert_eq!(take(&mut relay, Event::Delete(pod(1, "y"))), Some(Update::Gone("u1".into())));
        assert_eq!(take(&mut relay, Event::Delete(pod(1, "y"))), None);
    }

    #[test]
    fn a_list_that_breaks_off_is_forgotten_by_the_next() {
        let mut relay = Relay::default();
        take(&mut relay, Event::Init);
        take(&mut relay, Event::InitApply(pod(1, "x")));
        assert!(relay.lists());
        assert!(
            matches!(list(&mut relay, [pod(2, "x")]), Some(Update::Listed { pods, .. }) if pods[0].pod.name == "p2")
        );
    }

    #[test]
    fn more_than_are_kept_are_counted() {
        let mut relay = Relay::default();
        let told = list(&mut relay, (0..MOST + 3).map(|number| pod(number, "x")));
        assert!(matches!(told, Some(Update::Listed { pods, refused: 3 }) if pods.len() == MOST));
        assert_eq!(take(&mut relay, Event::Apply(pod(MOST + 9, "x"))), Some(Update::Refused));
        assert!(
            matches!(take(&mut relay, Event::Apply(pod(0, "y"))), Some(Update::Changed(_))),
            "a known one is no more"
        );
        take(&mut relay, Event::Delete(pod(0, "y")));
        assert!(matches!(take(&mut relay, Event::Apply(pod(MOST + 9, "x"))), Some(Update::Changed(_))));
        assert_eq!(relay.len(), MOST);
    }
}
