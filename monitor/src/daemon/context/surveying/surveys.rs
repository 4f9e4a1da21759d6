//! Which surveys are under way, and which mount namespaces of a session they were about.

use std::{
    collections::HashMap,
    fs::File,
    sync::mpsc::TryRecvError,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use interlock_core::facts::{BootNanos, SessionId};
use interlock_host::proc::{
    procfs,
    survey::{Namespace, Pending, Survey},
};

/// Threads at once, of all sessions and of one.
pub const RUNNING_MAX: usize = 16;
const RUNNING_OF_ONE_MAX: usize = 2;
/// Mount namespaces of one session that are looked at again; an agent's sandbox makes one for every command.
const VIEWS_MAX: usize = 32;
/// Between two surveys of the same mounts that changed, and of those that did not.
const PAUSE: Duration = Duration::from_millis(100);
const EVERY: Duration = Duration::from_secs(60);
/// How long the event loop may wait for surveys: this at once, and that in a second. Sessions can be made one after the other that
/// each take their time.
const SURVEY_BUDGET: Duration = Duration::from_secs(5);
const SURVEY_BUDGET_PER_SECOND: u32 = 10; // a tenth of it

/// How long the event loop may still wait: each wait takes from it, and it comes back with time.
pub struct WaitBudget {
    left: Duration,
    at: Instant,
}

impl Default for WaitBudget {
    fn default() -> Self {
        Self { left: SURVEY_BUDGET, at: Instant::now() }
    }
}

impl WaitBudget {
    /// What is left now, of at most `most`.
    pub fn of(&mut self, most: Duration) -> Duration {
        let back = self.at.elapsed() / SURVEY_BUDGET_PER_SECOND;
        (self.left, self.at) = ((self.left + back).min(SURVEY_BUDGET), Instant::now());
        most.min(self.left)
    }

    pub fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
}

#[derive(Default)]
pub struct Surveys {
    pub budget: WaitBudget,
    pub running: Vec<Running>,
    pub views: HashMap<SessionId, Vec<View>>,
    /// Tags that an earlier daemon left are kept until every survey has answered.
    pub strangers: bool,
}

impl Surveys {
    pub fn is_running(&self, session: SessionId, namespace: Namespace) -> bool {
        let mut running = self.running.iter();
        running.any(|known| known.session == session && known.namespace == Some(namespace))
    }

    pub fn has_room(&self, session: SessionId) -> bool {
        let of_session = self.running.iter().filter(|known| known.session == session).count();
        self.running.len() < RUNNING_MAX && of_session < RUNNING_OF_ONE_MAX
    }

    /// The view of a session at a namespace, made where there is none; the oldest makes room, but for the root's.
    pub fn view(&mut self, session: SessionId, namespace: Namespace, pid: u32) -> Option<&mut View> {
        let views = self.views.entry(session).or_default();
        if let Some(at) = views.iter().position(|view| view.namespace == namespace) {
            return views.get_mut(at);
        }
        if views.len() >= VIEWS_MAX {
            views.remove(1);
        }
        views.push(View::new(namespace, pid));
        views.last_mut()
    }

    /// Those who mount something in a namespace may have brought stores there.
    pub fn unsettle(&mut self, namespace: Namespace) {
        let views = self.views.values_mut().flatten();
        views.filter(|view| view.namespace == namespace).for_each(|view| view.stale = true);
    }

    /// What was found since, and whose.
    pub fn answers(&mut self) -> Vec<(SessionId, Survey)> {
        let mut found = Vec::new();
        self.running.retain(|running| match running.answer.poll() {
            Ok(survey) => {
                found.push((running.session, survey));
                false
            }
            Err(error) => error == TryRecvError::Empty,
        });
        found
    }
}

pub struct Running {
    pub session: SessionId,
    pub namespace: Option<Namespace>,
    pub answer: Pending,
}

/// A mount namespace with processes of a session.
pub struct View {
    pub namespace: Namespace,
    /// One of the processes.
    pub pid: u32,
    /// Becomes ready when a mount changes, proc(5).
    mounts: Option<File>,
    pub looked: BootNanos,
    /// Something may have changed since.
    pub stale: bool,
}

impl View {
    fn new(namespace: Namespace, pid: u32) -> Self {
        let mounts = File::open(procfs::living(pid).join("mountinfo")).ok();
        Self { namespace, pid, mounts, looked: BootNanos(0), stale: true }
    }

    pub fn has_changed(&self) -> bool {
        let Some(mounts) = &self.mounts else { return false };
        let mut polled = [PollFd::new(mounts, PollFlags::PRI)];
        poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    pub fn is_due(&self, now: BootNanos) -> bool {
        let age = now.since(self.looked);
        age >= EVERY || (self.stale && age >= PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn running(session: SessionId, namespace: Namespace) -> Running {
        let (_sender, _, answer) = Pending::channel();
        Running { session, namespace: Some(namespace), answer }
    }

    #[test]
    fn the_namespaces_of_a_session_are_bounded_and_its_roots_stays() {
        let (mut surveys, id, own) = (Surveys::default(), SessionId(1), std::process::id());
        for namespace in 0..VIEWS_MAX as u64 + 5 {
            assert!(surveys.view(id, namespace, own).is_some());
        }
        let known: Vec<Namespace> = surveys.views[&id].iter().map(|view| view.namespace).collect();
        assert_eq!((known.len(), known[0], known[1]), (VIEWS_MAX, 0, 6));
        assert!(surveys.view(id, 0, own).is_some_and(|view| view.namespace == 0));
        assert_eq!(surveys.views[&id].len(), VIEWS_MAX, "it was known");
    }

    #[test]
    fn what_changed_is_due_soon_and_everything_once_a_minute() {
        let mut view = View::new(1, std::process::id());
        assert!(view.is_due(BootNanos(SECOND)), "not looked at yet");
        (view.looked, view.stale) = (BootNanos(SECOND), false);
        assert!(!view.is_due(BootNanos(60 * SECOND)) && view.is_due(BootNanos(61 * SECOND)));
        view.stale = true;
        assert!(!view.is_due(BootNanos(SECOND + SECOND / 20)) && view.is_due(BootNanos(2 * SECOND)));
        let mut surveys = Surveys::default();
        surveys.view(SessionId(1), 7, std::process::id()).unwrap().stale = false;
        surveys.unsettle(8);
        assert!(!surveys.views[&SessionId(1)][0].stale);
        surveys.unsettle(7);
        assert!(surveys.views[&SessionId(1)][0].stale);
    }

    #[test]
    fn a_session_whose_mounts_hang_leaves_room_for_others() {
        let (mut surveys, one, other) = (Surveys::default(), SessionId(1), SessionId(2));
        surveys.running.extend((0..RUNNING_OF_ONE_MAX as u64).map(|namespace| running(one, namespace)));
        assert!(surveys.is_running(one, 0) && !surveys.is_running(other, 0));
        assert!(!surveys.has_room(one) && surveys.has_room(other));
        surveys.running.extend((0..RUNNING_MAX as u64).map(|namespace| running(SessionId(3), namespace)));
        assert!(!surveys.has_room(other));
    }

    #[test]
    fn a_budget_is_used_up_and_comes_back() {
        let mut budget = WaitBudget::default();
        let most = Duration::from_secs(2);
        assert_eq!(budget.of(most), most);
        budget.spend(SURVEY_BUDGET);
        assert!(budget.of(most) < Duration::from_millis(500), "{:?}", budget.left);
        let Some(before) = Instant::now().checked_sub(Duration::from_secs(100)) else { return };
        budget.at = before;
        assert_eq!(budget.of(most), most);
        assert_eq!(budget.left, SURVEY_BUDGET);
    }

    #[test]
    fn an_answer_is_taken_once_and_a_thread_that_ended_without_one_is_let_go_of() {
        let (mut surveys, id) = (Surveys::default(), SessionId(1));
        let (sender, _, answer) = Pending::channel();
        surveys.running.push(Running { session: id, namespace: None, answer });
        assert!(surveys.answers().is_empty() && surveys.running.len() == 1);
        sender.send(Survey::default()).unwrap();
        assert_eq!(surveys.answers().len(), 1);
        surveys.running.push(running(id, 1)); // its sender is gone
        assert!(surveys.answers().is_empty() && surveys.running.is_empty());
    }
}
