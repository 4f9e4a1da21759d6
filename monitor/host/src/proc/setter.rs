//! Who set a mark: an agent that is known only by what its commands carry in their environment is the process that put it
//! there, and two of its commands are one session.

use super::procfs::Running;

/// Ancestors that are looked at.
const DEPTH_MAX: usize = 64;

/// The nearest ancestor that was started without the mark: it set it. `None` where nobody can be told, or may be.
///
/// `parent` gives a process's parent, `carries` whether a process was started with the mark, `may_be` whether it may become
/// a session. A shell of a person, a terminal or an editor passes on what people set, and everything else that it started
/// is theirs: then the process that carries the mark is the session.
pub fn setter(
    child: u32,
    parent: impl Fn(u32) -> Option<Running>,
    carries: impl Fn(&Running) -> bool,
    may_be: impl Fn(&Running) -> bool,
) -> Option<Running> {
    let mut pid = child;
    for _ in 0..DEPTH_MAX {
        let running = parent(pid)?;
        if !carries(&running) {
            return may_be(&running).then_some(running);
        }
        pid = running.process.pid;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use interlock_core::facts::Process;

    /// `parents[i]` is the parent of process `i`: its pid and whether it carries the mark.
    fn found(parents: &[(u32, bool)], may_be: bool) -> Option<u32> {
        let parent = |pid: u32| {
            let (parent, marked) = *parents.get(pid as usize)?;
            let env = if marked { vec![("MARK".to_owned(), "1".to_owned())] } else { Vec::new() };
            Some(Running { process: Process { pid: parent, ..Process::default() }, env })
        };
        setter(0, parent, |running| !running.env.is_empty(), |_| may_be).map(|running| running.process.pid)
    }

    #[test]
    fn the_first_ancestor_without_the_mark_has_set_it() {
        assert_eq!(found(&[(1, false)], true), Some(1));
        assert_eq!(found(&[(1, true), (2, true), (3, false), (4, true)], true), Some(3));
    }

    #[test]
    fn nobody_is_the_setter_where_the_way_up_ends_or_leads_to_a_bystander() {
        assert_eq!(found(&[(1, true)], true), None, "the way up ends");
        assert_eq!(found(&[(1, true), (2, false)], false), None);
        assert_eq!(found(&[(0, true)], true), None, "a loop in a changing picture ends");
    }
}
