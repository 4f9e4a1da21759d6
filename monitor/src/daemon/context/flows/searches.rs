//! Which process holds a socket, and under which descriptor: looked for at once as far as that costs little, and by a thread of its own
//! beyond that. A session that has a million descriptors, or thousands of processes, waits for its own searches; whoever decides about
//! another's does not.

pub mod search;
pub mod thread;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use crate::{
    daemon::context::{flows::connections::Had, mailbox::handle::Inbox},
    metrics::Metrics,
};
use interlock_core::{facts::SessionId, sessions::Registry};
use interlock_host::{
    enforcement::flow::{self, Errand},
    proc::descriptors::Bounds,
};

use self::{
    search::{Search, had, reach},
    thread::Searcher,
};
use interlock_host::capabilities::{self, Duty};

/// At once: so many descriptors and so long, and of one session's no longer altogether than its share, of which a
/// twentieth of a second comes back in each.
const AT_ONCE: usize = 1024;
const AT_ONCE_SPAN: Duration = Duration::from_millis(5);
/// Where nobody goes on later: as much as an agent with a hundred processes has.
const WIDE: usize = 65_536;
const SHARE: Duration = Duration::from_millis(50);
const SHARE_COMES_BACK: u32 = 20;
/// Searches of all sessions that wait.
const WAITING_MAX: usize = 4096;
/// When the daemon ends: what is refused by then is to be reset.
const FAREWELL: Duration = Duration::from_secs(2);

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
        capabilities::start("interlock-searches", Duty::Look, move || {
            Searcher::new(searches, back, counters).run();
            let _ = ending.send(()); // nobody waits for it
        })?;
        Ok(Self { shares: HashMap::new(), later: Some(later), ended, metrics })
    }

    /// Bounds for a search of this session's that the event loop makes itself, and the thread goes on with.
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

    /// What a process had open before its label; `None` where that takes longer, and comes as `Message::Connections`.
    pub fn connections_before(&mut self, session: SessionId, pid: u32, creators: Vec<u32>) -> Option<Had> {
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

    /// Makes a released flow's data go out now.
    pub fn push(&mut self, sessions: &Registry, session: SessionId, pid: u32, cookie: u64) {
        let pids = sessions.pids(session, pid);
        self.reach(session, pids, cookie, Errand::Push);
    }

    /// Lets the program of a refused flow see an error.
    pub fn reset(
        &mut self,
        sessions: &Registry,
        session: SessionId,
        pid: u32,
        cookie: u64,
        to: ([u8; 16], u16),
    ) {
        let pids = sessions.pids(session, pid);
        self.reach(session, pids, cookie, Errand::Reset { to: Some(to) });
    }

    /// Whether a process has a connection, as far as a look at once can tell.
    pub fn may_have_connections(&mut self, session: SessionId, pid: u32) -> bool {
        let (began, mut bounds) = (Instant::now(), self.bounds(session));
        let has_some = !flow::connections(pid, &mut bounds).is_empty();
        self.took(session, began.elapsed(), None);
        has_some || bounds.were_met()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
