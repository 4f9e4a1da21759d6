//! Which process holds a socket, and under which descriptor: looked for at once as far as that costs little, and by a thread of its own
//! beyond that. A session that has a million descriptors, or thousands of processes, waits for its own searches; whoever decides about
//! another's does not.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::Engine,
    handle::{Inbox, Message},
};
use crate::metrics::Metrics;
use interlock_core::facts::SessionId;
use interlock_host::{
    enforcement::flow::{self, Connection, Errand},
    proc::descriptors::Bounds,
};

/// At once: so many descriptors and so long, and of one session's no longer altogether than its share, of which a twentieth of a second
/// comes back in each.
const AT_ONCE: usize = 1024;
const AT_ONCE_SPAN: Duration = Duration::from_millis(5);
/// Where nobody goes on later: as much as an agent with a hundred processes has.
const WIDE: usize = 65_536;
const SHARE: Duration = Duration::from_millis(50);
const SHARE_COMES_BACK: u32 = 20;
/// Later.
const LATER: usize = 2_000_000;
const LATER_SPAN: Duration = Duration::from_secs(2);
/// Searches of one session, and of all, that wait.
const WAITING_OF_ONE_MAX: usize = 1024;
const WAITING_MAX: usize = 4096;
/// When the daemon ends: what is refused by then is to be reset.
const FAREWELL: Duration = Duration::from_secs(2);

/// The connections that a process had before its label.
#[derive(Clone, Debug, Default)]
pub struct Had {
    pub pid: u32,
    pub own: Vec<Connection>,
    /// Others had them too when it was looked.
    pub shared: Vec<Shared>,
}

/// A connection, and who else had it.
#[derive(Clone, Debug)]
pub struct Shared {
    pub connection: Connection,
    pub holders: Vec<u32>,
}

/// What is left for the thread.
enum Search {
    /// The socket of a decided flow, among these processes.
    Flow { pids: Vec<u32>, cookie: u64, errand: Errand },
    /// The connections that a process has, and the processes that it may have them from.
    Connections { pid: u32, creators: Vec<u32> },
}

impl Search {
    fn purpose(&self) -> &'static str {
        match self {
            Self::Flow { errand, .. } => purpose(*errand),
            Self::Connections { .. } => "connections",
        }
    }
}

/// Label of the metric.
fn purpose(errand: Errand) -> &'static str {
    match errand {
        Errand::Push => "release",
        Errand::Reset { .. } => "reset",
    }
}

fn reach(pids: &[u32], errands: &mut HashMap<u64, Errand>, bounds: &mut Bounds) {
    for (cookie, errand, done) in flow::reach(pids, errands, bounds) {
        match (errand, done) {
            (_, Ok(())) => {}
            (Errand::Push, Err(error)) => {
                tracing::debug!(cookie, %error, "not a TCP socket: its next packet passes");
            }
            (Errand::Reset { .. }, Err(error)) => {
                tracing::warn!(cookie, %error, "the connection cannot be reset; its data stays held");
            }
        }
    }
    if !bounds.were_met() && !errands.is_empty() {
        // TCP's own timer sends what was released. That can take as long as the flow was held.
        tracing::debug!(cookies = ?errands.keys(), "no process has these sockets; what TCP still holds follows the verdict");
    }
}

fn had(pid: u32, creators: &[u32], bounds: &mut Bounds) -> Had {
    let connections = flow::connections(pid, bounds);
    if connections.is_empty() {
        return Had { pid, ..Had::default() };
    }
    let mut others: HashMap<u64, Vec<u32>> = HashMap::new();
    for creator in creators {
        for number in flow::numbers(*creator, bounds) {
            others.entry(number).or_default().push(*creator);
        }
    }
    let mut had = Had { pid, ..Had::default() };
    for connection in connections {
        match others.get(&connection.number) {
            Some(holders) => had.shared.push(Shared { connection, holders: holders.clone() }),
            None => had.own.push(connection),
        }
    }
    had
}

/// What one session's searches at once may still take.
struct Share {
    left: Duration,
    at: Instant,
}

impl Share {
    fn new() -> Self {
        Self { left: SHARE, at: Instant::now() }
    }

    fn left_now(&mut self) -> Duration {
        let back = self.at.elapsed() / SHARE_COMES_BACK;
        (self.left, self.at) = ((self.left + back).min(SHARE), Instant::now());
        self.left
    }

    fn spend(&mut self, span: Duration) {
        self.left = self.left.saturating_sub(span);
    }
}

/// Searches, and who has how much time for them.
pub struct Searches {
    shares: HashMap<SessionId, Share>,
    later: Option<SyncSender<(SessionId, Search)>>,
    ended: Receiver<()>,
    metrics: Arc<Metrics>,
}

impl Searches {
    /// # Errors
    /// No thread can be had.
    pub fn start(back: Inbox, metrics: Arc<Metrics>) -> io::Result<Self> {
        let (later, searches) = sync_channel(WAITING_MAX);
        let (ending, ended) = sync_channel(1);
        let counters = Arc::clone(&metrics);
        thread::Builder::new().name("interlock-searches".into()).spawn(move || {
            let (turns, waiting) = (VecDeque::new(), HashMap::new());
            Searcher { searches, back, metrics: counters, turns, waiting }.run();
            let _ = ending.send(()); // nobody waits for it
        })?;
        Ok(Self { shares: HashMap::new(), later: Some(later), ended, metrics })
    }

    /// Bounds for a search of this session's that the engine makes itself, and the thread goes on with.
    fn bounds(&mut self, session: SessionId) -> Bounds {
        let left = self.share(session).left_now();
        Bounds::new(AT_ONCE, left.min(AT_ONCE_SPAN))
    }

    /// Bounds for one that nobody goes on with.
    pub fn wide_bounds(&mut self, session: SessionId) -> Bounds {
        Bounds::new(WIDE, self.share(session).left_now())
    }

    fn share(&mut self, session: SessionId) -> &mut Share {
        self.shares.entry(session).or_insert_with(Share::new)
    }

    /// A search of the session's took so long; with its purpose where it was cut short and nobody goes on.
    pub fn took(&mut self, session: SessionId, span: Duration, cut_short: Option<&'static str>) {
        if let Some(share) = self.shares.get_mut(&session) {
            share.spend(span);
        }
        cut_short.into_iter().for_each(|purpose| self.metrics.search_cut_short(purpose));
    }

    /// Looks for a decided flow's socket.
    fn reach(&mut self, session: SessionId, pids: Vec<u32>, cookie: u64, errand: Errand) {
        let (began, mut bounds) = (Instant::now(), self.bounds(session));
        // At once is before the program can have turned the socket elsewhere.
        let now = if matches!(errand, Errand::Reset { .. }) { Errand::Reset { to: None } } else { errand };
        let mut errands = HashMap::from([(cookie, now)]);
        reach(&pids, &mut errands, &mut bounds);
        self.took(session, began.elapsed(), None);
        if bounds.were_met() && !errands.is_empty() {
            self.go_on_later(session, Search::Flow { pids, cookie, errand });
        }
    }

    fn connections(&mut self, session: SessionId, pid: u32, creators: Vec<u32>) -> Option<Had> {
        let (began, mut bounds) = (Instant::now(), self.bounds(session));
        let had = had(pid, &creators, &mut bounds);
        self.took(session, began.elapsed(), None);
        if bounds.were_met() {
            self.go_on_later(session, Search::Connections { pid, creators });
            return None;
        }
        Some(had)
    }

    fn go_on_later(&mut self, session: SessionId, search: Search) {
        let purpose = search.purpose();
        if self.later.as_ref().is_none_or(|later| later.try_send((session, search)).is_err()) {
            self.metrics.search_cut_short(purpose);
        }
    }

    pub fn forget(&mut self, session: SessionId) {
        self.shares.remove(&session);
    }

    /// Waits until what is under way is done, for a moment.
    pub fn end(&mut self) {
        self.later = None;
        if self.ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("not every refused connection was reset in time; their data stays held");
        }
    }
}

/// What waits for one session: its flows are looked for in one walk.
#[derive(Default)]
struct Queue {
    errands: HashMap<u64, Errand>,
    /// Processes of the session, as they were when the last search was asked for.
    pids: Vec<u32>,
    connections: VecDeque<(u32, Vec<u32>)>,
}

impl Queue {
    /// Gives it back where too many wait.
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

struct Searcher {
    searches: Receiver<(SessionId, Search)>,
    back: Inbox,
    metrics: Arc<Metrics>,
    /// Each session has its turn.
    turns: VecDeque<SessionId>,
    waiting: HashMap<SessionId, Queue>,
}

impl Searcher {
    fn run(mut self) {
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
            let _ = self.back.send(Message::Connections(session, had)); // the engine has ended
        }
        let mut bounds = Bounds::new(LATER, LATER_SPAN);
        let mut errands = std::mem::take(&mut queue.errands);
        reach(&queue.pids, &mut errands, &mut bounds);
        if bounds.were_met() {
            errands.values().for_each(|errand| self.cut_short(session, purpose(*errand)));
        }
    }

    /// Takes in what is asked for; gives whether there is something to do, now or later.
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

impl Engine {
    /// Makes a released flow's data go out now.
    pub fn push(&mut self, session: SessionId, pid: u32, cookie: u64) {
        let pids = self.decider.sessions.pids(session, pid);
        self.searches.reach(session, pids, cookie, Errand::Push);
    }

    /// Lets the program of a refused flow see an error.
    pub fn reset(&mut self, session: SessionId, pid: u32, cookie: u64, to: ([u8; 16], u16)) {
        let pids = self.decider.sessions.pids(session, pid);
        self.searches.reach(session, pids, cookie, Errand::Reset { to: Some(to) });
    }

    /// Whether a process has a connection, as far as a look at once can tell.
    pub fn may_have_connections(&mut self, session: SessionId, pid: u32) -> bool {
        let (began, mut bounds) = (Instant::now(), self.searches.bounds(session));
        let has_some = !flow::connections(pid, &mut bounds).is_empty();
        self.searches.took(session, began.elapsed(), None);
        has_some || bounds.were_met()
    }

    /// What a process had open before its label; `None` where that takes longer, and comes as [`Message::Connections`].
    pub fn connections_before(&mut self, session: SessionId, pid: u32, creators: Vec<u32>) -> Option<Had> {
        self.searches.connections(session, pid, creators)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::handle::Handle;

    fn flow(cookie: u64) -> Search {
        Search::Flow { pids: vec![1], cookie, errand: Errand::Push }
    }

    #[test]
    fn a_session_that_has_many_searches_waits_for_its_own() {
        let (_asking, searches) = sync_channel(1);
        let (handle, _ends) = Handle::new().unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let (turns, waiting) = (VecDeque::new(), HashMap::new());
        let mut searcher =
            Searcher { searches, back: handle.way_in(), metrics: Arc::clone(&metrics), turns, waiting };
        let (one, other) = (SessionId(1), SessionId(2));
        (0..WAITING_OF_ONE_MAX as u64 + 3).for_each(|cookie| searcher.take(one, flow(cookie)));
        searcher.take(other, flow(1));
        assert_eq!(searcher.turns, [one, other], "one turn for all of them");
        let queued = |session: SessionId| searcher.waiting[&session].errands.len();
        assert_eq!((queued(one), queued(other)), (WAITING_OF_ONE_MAX, 1));
        let counted = "interlock_descriptor_searches_cut_short_total{purpose=\"release\"} 3";
        assert!(metrics.encode().contains(counted), "{}", metrics.encode());
    }

    #[test]
    fn a_share_is_used_up_and_comes_back() {
        let mut share = Share::new();
        assert_eq!(share.left_now(), SHARE);
        share.spend(SHARE);
        assert!(share.left_now() < AT_ONCE_SPAN);
        let Some(before) = Instant::now().checked_sub(Duration::from_secs(10)) else { return };
        share.at = before;
        assert_eq!(share.left_now(), SHARE);
    }
}
