//! The person is told on the terminal that a session was started at: what waits, what was decided and by whom, a freeze and a thaw.
//!
//! It is the terminal of the session's root when the session began: the person's. A terminal that an agent makes for its tools is
//! the controlling one of what runs there and never of its root, so nothing is told to it.
//!
//! One thread writes; whoever tells never waits. A terminal that takes nothing for 0.1 s is given up for this time, and counted.

mod notice;
mod place;
mod quota;
mod sitting;
mod wording;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    notice::Notice,
    place::Place,
    sitting::{Outcome, Sitting},
};
use crate::{config::Terminal, metrics::Metrics};
use interlock_core::{
    facts::SessionId,
    health::{Check, CheckState},
    sessions::Registry,
};
use interlock_host::capabilities::{self, Duty};
use interlock_host::proc::seat::Controlling;

/// Notices that wait for the writer.
const QUEUE: usize = 256;
/// Members that are asked for the terminal, in case the root has ended.
const MEMBERS: usize = 16;
/// How often is looked whether what was left out is to be told.
const LATER: Duration = Duration::from_secs(1);
/// Outcomes that told nobody.
const FAILED: [&str; 3] = ["dropped", "stuck", "gone"];

#[derive(Debug)]
enum Task {
    Tell(SessionId, Place, Notice),
    /// Some have left.
    Look,
}

/// Sessions that are over, until the writer has given their places back. Not in the queue, which may be full.
type Left = Arc<Mutex<Vec<SessionId>>>;

/// The terminals of all sessions.
pub struct Terminals {
    how: Terminal,
    /// `None` where nobody is told there.
    queue: Option<SyncSender<Task>>,
    left: Left,
    /// The controlling terminal that each session's root had when it began.
    of: HashMap<SessionId, Controlling>,
    metrics: Arc<Metrics>,
}

impl Terminals {
    /// # Errors
    /// No thread can be had.
    pub fn start(how: Terminal, metrics: Arc<Metrics>) -> io::Result<Self> {
        let (of, left) = (HashMap::new(), Left::default());
        let mut terminals =
            Self { how, queue: None, left: Arc::clone(&left), of, metrics: Arc::clone(&metrics) };
        if how == Terminal::Off {
            return Ok(terminals);
        }
        let (queue, tasks) = sync_channel(QUEUE);
        let mut teller = Teller { how, metrics, left, over: Vec::new(), sittings: HashMap::new() };
        capabilities::start("interlock-tty", Duty::Terminals, move || teller.run(&tasks))?;
        terminals.queue = Some(queue);
        Ok(terminals)
    }

    /// A session has a terminal.
    pub fn sits(&mut self, session: SessionId, terminal: Option<Controlling>) {
        self.of.extend(terminal.map(|terminal| (session, terminal)));
    }

    /// A session is over.
    pub fn leave(&mut self, session: SessionId) {
        let Some(queue) = self.queue.as_ref().filter(|_| self.of.remove(&session).is_some()) else { return };
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        let _ = queue.try_send(Task::Look); // where it is full, the writer looks when it has emptied it
    }

    /// Tells of an event where somebody is to be told. Nobody is in front of an unattended one.
    pub fn tell(&self, sessions: &Registry, event: &Value) {
        if self.queue.is_none() {
            return;
        }
        let Some(notice) = Notice::of(event) else { return };
        let Some(id) = sessions.find(&notice.session) else { return };
        let attended = sessions.get(id).is_some_and(|session| session.unattended.is_none());
        let Some(terminal) = self.of.get(&id).copied().filter(|_| attended) else { return };
        let mut pids = sessions.pids(id, id.root());
        pids.truncate(MEMBERS);
        self.hand_over(Task::Tell(id, Place { terminal, pids }, notice));
    }

    fn hand_over(&self, task: Task) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(task).is_err() {
            self.metrics.terminal_told("dropped"); // fails open: nobody waits for a terminal
        }
    }

    /// What `interlock doctor` says of it.
    #[must_use]
    pub fn check(&self) -> Check {
        let subject = "session terminals".to_owned();
        if self.how == Terminal::Off {
            let found = "nobody is told there (terminal = \"off\")".to_owned();
            return Check { subject, state: CheckState::Good, found, advice: None };
        }
        let count = |outcome: &str| self.metrics.terminal_told_total(outcome);
        let told: u64 = ["line", "title", "bell"].into_iter().map(count).sum();
        let failed: Vec<String> = FAILED
            .into_iter()
            .filter(|outcome| count(outcome) > 0)
            .map(|outcome| format!("{outcome} {}", count(outcome)))
            .collect();
        if failed.is_empty() {
            return Check {
                subject,
                state: CheckState::Good,
                found: format!("told {told} times"),
                advice: None,
            };
        }
        let found = format!("told {told} times; not told: {}", failed.join(", "));
        let advice = "a terminal that is stopped (Ctrl-S), closed or not read takes nothing; interlock watch shows what waits";
        Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
    }
}

/// The thread that writes.
struct Teller {
    how: Terminal,
    metrics: Arc<Metrics>,
    left: Left,
    /// Of those that left, whose places are still to be given back.
    over: Vec<SessionId>,
    sittings: HashMap<SessionId, (Place, Sitting)>,
}

impl Teller {
    fn run(&mut self, tasks: &Receiver<Task>) {
        loop {
            self.note_who_left(); // before the queue is looked at: what is told of them stands in it by now
            let task = match tasks.try_recv() {
                Ok(task) => Ok(task),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {
                    // Only now: what is still told of a session would give it a place again.
                    self.give_back();
                    self.wait(tasks)
                }
            };
            match task {
                Ok(Task::Tell(id, place, notice)) => self.tell(id, place, &notice),
                Ok(Task::Look) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.note_who_left();
                    return self.give_back();
                }
            }
            self.tell_left_out();
        }
    }

    fn wait(&self, tasks: &Receiver<Task>) -> Result<Task, RecvTimeoutError> {
        if self.sittings.values().any(|(_, sitting)| sitting.waits()) {
            return tasks.recv_timeout(LATER);
        }
        tasks.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    fn note_who_left(&mut self) {
        self.over.append(&mut self.left.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Leaves the places of sessions that are over.
    fn give_back(&mut self) {
        for id in std::mem::take(&mut self.over) {
            if let Some((place, mut sitting)) = self.sittings.remove(&id) {
                sitting.leave(&place);
            }
        }
    }

    fn tell(&mut self, id: SessionId, place: Place, notice: &Notice) {
        let (known, sitting) = self.sittings.entry(id).or_insert_with(|| (place.clone(), Sitting::default()));
        *known = place;
        let outcome = sitting.tell(known, notice, self.how, Instant::now());
        self.metrics.terminal_told(outcome.name());
    }

    fn tell_left_out(&mut self) {
        for (place, sitting) in self.sittings.values_mut() {
            if let Some(outcome @ (Outcome::Stuck | Outcome::Gone)) =
                sitting.tell_left_out(place, self.how, Instant::now())
            {
                self.metrics.terminal_told(outcome.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics() -> Arc<Metrics> {
        Arc::new(Metrics::new().unwrap())
    }

    #[test]
    fn a_session_that_ends_while_the_queue_is_full_gives_its_place_back() {
        let (id, left, (queue, tasks)) = (SessionId(7), Left::default(), sync_channel(1));
        let terminal: Controlling = serde_json::from_value(json!({ "number": 34816, "leader": 1 })).unwrap();
        let event =
            json!({ "event.action": "session-frozen", "interlock.session.id": "7-a", "message": "why" });
        let place = Place { terminal, pids: Vec::new() };
        queue.send(Task::Tell(id, place, Notice::of(&event).unwrap())).unwrap();
        let mut terminals = Terminals {
            how: Terminal::Title,
            queue: Some(queue),
            left: Arc::clone(&left),
            of: [(id, terminal)].into(),
            metrics: metrics(),
        };
        terminals.leave(id);
        terminals.leave(SessionId(8)); // it never had one
        assert_eq!(*left.lock().unwrap(), [id]);
        drop(terminals); // the writer ends when it has done all
        let (over, sittings) = (Vec::new(), HashMap::new());
        let mut teller = Teller { how: Terminal::Title, metrics: metrics(), left, over, sittings };
        teller.run(&tasks);
        assert!(teller.sittings.is_empty() && teller.left.lock().unwrap().is_empty());
    }
}
