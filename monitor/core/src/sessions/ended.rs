//! Processes that have ended: what they started still tells where it came from.

use std::collections::{HashMap, VecDeque};

use crate::facts::{Process, SessionId};

/// Most processes that are remembered; the one that ended first makes room.
const MAX: usize = 4096;

#[derive(Default)]
pub struct Ended {
    processes: HashMap<u32, (SessionId, Process)>,
    /// In the order of their ends.
    order: VecDeque<u32>,
}

impl Ended {
    pub fn remember(&mut self, session: SessionId, process: Process) {
        let pid = process.pid;
        if self.processes.insert(pid, (session, process)).is_some() {
            self.order.retain(|known| *known != pid); // the number was used again
        } else if self.order.len() == MAX
            && let Some(first) = self.order.pop_front()
        {
            self.processes.remove(&first);
        }
        self.order.push_back(pid);
    }

    /// The process of that number and session that ended last.
    pub fn process(&self, session: SessionId, pid: u32) -> Option<&Process> {
        self.processes.get(&pid).filter(|(of, _)| *of == session).map(|(_, process)| process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId(1);

    fn process(pid: u32, name: &str) -> Process {
        Process { pid, executable: name.to_owned(), ..Process::default() }
    }

    #[test]
    fn the_last_of_a_number_is_kept_and_the_oldest_makes_room() {
        let mut ended = Ended::default();
        ended.remember(SESSION, process(0, "first"));
        ended.remember(SESSION, process(1, "second"));
        ended.remember(SESSION, process(0, "again"));
        assert_eq!(ended.process(SESSION, 0).unwrap().executable, "again");
        assert_eq!(ended.process(SessionId(2), 0), None);
        let most = u32::try_from(MAX).unwrap();
        (2..=most).for_each(|pid| ended.remember(SESSION, process(pid, "x")));
        assert_eq!(ended.process(SESSION, 1), None, "it ended first");
        assert!(ended.process(SESSION, 0).is_some());
        assert_eq!((ended.processes.len(), ended.order.len()), (MAX, MAX));
    }
}
