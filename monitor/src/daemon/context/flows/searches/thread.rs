//! The thread that goes on with searches that take long.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use crate::{
    daemon::context::{
        flows::searches::search::{Search, had, purpose, reach},
        mailbox::handle::{Inbox, Message},
    },
    metrics::Metrics,
};
use interlock_core::facts::SessionId;
use interlock_host::{enforcement::flow::Errand, proc::descriptors::Bounds};

/// Later.
const LATER: usize = 2_000_000;
const LATER_SPAN: Duration = Duration::from_secs(2);
/// Searches of one session that wait.
const WAITING_OF_ONE_MAX: usize = 1024;

/// What waits for one session: its flows are looked for in one walk.
#[derive(Default)]
struct Queue {
    errands: HashMap<u64, Errand>,
    /// Processes of the session, as they were when the last search was asked for.
    pids: Vec<u32>,
    connections: VecDeque<(u32, Vec<u32>)>,
}

impl Queue {
    /// Returns it back where too many wait.
    fn add(&mut self, search: Search) -> Result<(), Search> {
        if self.errands.len() + self.connections.len() >= WAITING_OF_ONE_MAX {
            return Err(search);
        }
        match search {
            Search::Flow { pids, cookie, errand } => {
                self.errands.insert(cookie, errand);
                self.pids = pids;
            }
            Search::Connections { pid, creators } => self.connections.push_back((pid, creators)),
        }
        Ok(())
    }
}

pub struct Searcher {
    searches: Receiver<(SessionId, Search)>,
    back: Inbox,
    metrics: Arc<Metrics>,
    /// Each session has its turn.
    turns: VecDeque<SessionId>,
    waiting: HashMap<SessionId, Queue>,
}

impl Searcher {
    pub fn new(searches: Receiver<(SessionId, Search)>, back: Inbox, metrics: Arc<Metrics>) -> Self {
        Self { searches, back, metrics, turns: VecDeque::new(), waiting: HashMap::new() }
    }

    pub fn run(mut self) {
        while self.listen() {
            let Some(session) = self.turns.pop_front() else { continue };
            let Some(mut queue) = self.waiting.remove(&session) else { continue };
            self.serve(session, &mut queue);
            // A connection that could still send comes before all; one process is looked at in a turn.
            if !queue.connections.is_empty() {
                self.waiting.insert(session, queue);
                self.turns.push_back(session);
            }
        }
    }

    fn serve(&self, session: SessionId, queue: &mut Queue) {
        if let Some((pid, creators)) = queue.connections.pop_front() {
            let mut bounds = Bounds::new(LATER, LATER_SPAN);
            let had = had(pid, &creators, &mut bounds);
            if bounds.were_met() {
                self.cut_short(session, "connections");
            }
            let _ = self.back.send(Message::Connections(session, had)); // the event loop has ended
        }
        let mut bounds = Bounds::new(LATER, LATER_SPAN);
        let mut errands = std::mem::take(&mut queue.errands);
        reach(&queue.pids, &mut errands, &mut bounds);
        if bounds.were_met() {
            errands.values().for_each(|errand| self.cut_short(session, purpose(*errand)));
        }
    }

    /// Takes in what is asked for; returns whether there is something to do, now or later.
    fn listen(&mut self) -> bool {
        if self.turns.is_empty() {
            match self.searches.recv() {
                Ok((session, search)) => self.take(session, search),
                Err(_) => return false, // all done
            }
        }
        while let Ok((session, search)) = self.searches.try_recv() {
            self.take(session, search);
        }
        true
    }

    fn take(&mut self, session: SessionId, search: Search) {
        let queue = self.waiting.entry(session).or_insert_with(|| {
            self.turns.push_back(session);
            Queue::default()
        });
        if let Err(search) = queue.add(search) {
            self.cut_short(session, search.purpose());
        }
    }

    fn cut_short(&self, session: SessionId, purpose: &'static str) {
        self.metrics.search_cut_short(purpose);
        tracing::debug!(%session, purpose, "a search among its descriptors was cut short");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::daemon::context::mailbox::handle::Handle;

    fn flow(cookie: u64) -> Search {
        Search::Flow { pids: vec![1], cookie, errand: Errand::Push }
    }

    #[test]
    fn a_session_that_has_many_searches_waits_for_its_own() {
        let (_asking, searches) = sync_channel(1);
        let (handle, _ends) = Handle::new("/nowhere".into()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut searcher = Searcher::new(searches, handle.way_in(), Arc::clone(&metrics));
        let (one, other) = (SessionId(1), SessionId(2));
        (0..WAITING_OF_ONE_MAX as u64 + 3).for_each(|cookie| searcher.take(one, flow(cookie)));
        searcher.take(other, flow(1));
        assert_eq!(searcher.turns, [one, other], "one turn for all of them");
        let queued = |session: SessionId| searcher.waiting[&session].errands.len();
        assert_eq!((queued(one), queued(other)), (WAITING_OF_ONE_MAX, 1));
        let counted = "interlock_descriptor_searches_cut_short_total{purpose=\"release\"} 3";
        assert!(metrics.encode().contains(counted), "{}", metrics.encode());
    }
}
