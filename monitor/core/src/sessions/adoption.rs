//! Adoption: agents that were running before the daemon, with all their descendants, to any depth.

use std::collections::{HashMap, HashSet};

/// Which processes belong to which root: the outermost recognised ancestor, since that is what a freeze must reach.
///
/// `parents` is every process's parent, `roots` those recognised as agents.
#[must_use]
pub fn assign(parents: &[(u32, u32)], roots: &HashSet<u32>) -> HashMap<u32, u32> {
    let parent: HashMap<u32, u32> = parents.iter().copied().collect();
    let outermost = |pid: u32| {
        let mut found = None;
        let mut next = Some(pid);
        let mut visited = HashSet::new();
        while let Some(pid) = next.filter(|pid| visited.insert(*pid)) {
            if roots.contains(&pid) {
                found = Some(pid);
            }
            next = parent.get(&pid).copied();
        }
        found
    };
    parents.iter().filter_map(|(pid, _)| Some((*pid, outermost(*pid)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_of_any_depth_follow_the_outermost_root() {
        let chain: Vec<(u32, u32)> =
            (11..40).map(|pid| (pid, pid - 1)).chain([(10, 1), (1, 0), (50, 1)]).collect();
        let assigned = assign(&chain, &HashSet::from([12, 20]));
        assert_eq!(assigned.get(&39), Some(&12));
        assert_eq!(assigned.get(&12), Some(&12));
        assert_eq!(assigned.get(&11), None);
        assert_eq!(assigned.get(&50), None);
    }

    #[test]
    fn a_loop_in_a_changing_snapshot_ends() {
        let assigned = assign(&[(2, 3), (3, 2)], &HashSet::from([9]));
        assert!(assigned.is_empty());
    }
}
