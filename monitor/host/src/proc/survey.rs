//! What a session has in its own mounts: its homes, its workspace, its stores. Looked at by a thread of its own, because a file
//! system may take its time, or never answer (FUSE, NFS): the caller waits as long as it likes, and gets the answer later
//! otherwise.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    time::{Duration, Instant},
};

use monitor_common::policy::InodeKey;
use rustix::fd::AsFd as _;

use super::{
    procfs,
    root::SessionRoot,
    stores::{Store, stores},
    users,
    workspace::{Ground, Workspace, workspace},
};
use crate::capabilities::{self, Duty};
use crate::probes::inode::Mounts;
use interlock_core::catalog::secrets::StorePlace;

/// Mount namespaces, by their inode number.
pub type Namespace = u64;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose root, mounts and working directory.
    pub pid: u32,
    /// The session's user, in the daemon's numbers.
    pub user: u32,
    /// What `HOME` says.
    pub home: Option<String>,
    /// The workspace is asked for as well.
    pub workspace: bool,
    pub places: Vec<StorePlace>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The workspace was asked for.
    pub whole: bool,
    /// What `HOME` names first, then the user's in the database; links resolved.
    pub homes: Vec<PathBuf>,
    /// With the identity of its root.
    pub workspace: Option<(Workspace, InodeKey)>,
    pub stores: Vec<Store>,
    /// For the paths of processes that have ended by then.
    pub mounts: Mounts,
}

/// A survey that is under way.
pub struct Pending {
    answer: Receiver<Survey>,
    steps: Arc<AtomicU64>,
}

impl Pending {
    /// Waits for the answer: at most `most`, and while look-ups are answered. Nothing for `quiet` is a file system that does not
    /// answer; a busy machine is only slow.
    ///
    /// # Errors
    /// There is none yet, or there will be none.
    pub fn wait(&self, quiet: Duration, most: Duration) -> Result<Survey, RecvTimeoutError> {
        let began = Instant::now();
        let mut before = self.steps.load(Ordering::Relaxed);
        loop {
            let left = most.saturating_sub(began.elapsed());
            match self.answer.recv_timeout(quiet.min(left)) {
                Err(RecvTimeoutError::Timeout) => {}
                done => return done,
            }
            let steps = self.steps.load(Ordering::Relaxed);
            if steps == before || began.elapsed() >= most {
                return Err(RecvTimeoutError::Timeout);
            }
            before = steps;
        }
    }

    /// The answer, if it is there.
    ///
    /// # Errors
    /// There is none yet, or there will be none.
    pub fn poll(&self) -> Result<Survey, TryRecvError> {
        self.answer.try_recv()
    }

    /// Returns one that the sender answers, and the count of look-ups that were answered so far.
    #[must_use]
    pub fn channel() -> (SyncSender<Survey>, Arc<AtomicU64>, Self) {
        let ((sender, answer), steps) = (sync_channel(1), Arc::new(AtomicU64::default()));
        (sender, Arc::clone(&steps), Self { answer, steps })
    }
}

/// Asks; `wake` (an eventfd) is counted up when the answer is there.
///
/// # Errors
/// No thread can be had.
pub fn start(question: Question, wake: Arc<OwnedFd>) -> io::Result<Pending> {
    let (sender, steps, pending) = Pending::channel();
    capabilities::start("interlock-survey", Duty::Look, move || {
        let _ = sender.send(look(&question, steps)); // nobody waits any more: its session has ended
        // Full: the event loop is awake anyway.
        let _ = rustix::io::write(wake.as_fd(), &1_u64.to_ne_bytes());
    })?;
    Ok(pending)
}

fn look(question: &Question, steps: Arc<AtomicU64>) -> Survey {
    // Ended meanwhile: it has nothing any more.
    let Ok(files) = SessionRoot::of(question.pid) else { return Survey::default() };
    let files = files.counting(steps);
    let homes = homes(&files, question);
    let workspace = question.workspace.then(|| place_of_work(&files, &homes, question)).flatten();
    let stores = stores(&files, &homes, &question.places);
    Survey { whole: question.workspace, homes, workspace, stores, mounts: files.into_mounts() }
}

fn homes(files: &SessionRoot, question: &Question) -> Vec<PathBuf> {
    let database = users::inside(question.pid, question.user).and_then(|user| users::home(files, user));
    // Who is in no file may be in another database of this machine, which says nothing about a container's users.
    let machine =
        || shares_our_mounts(question.pid).then(|| users::home_on_this_machine(question.user)).flatten();
    let named = question.home.iter().map(PathBuf::from).filter(|home| home.is_absolute());
    let mut homes: Vec<PathBuf> = Vec::new();
    for home in named.chain(database.or_else(machine)) {
        // One that is not there yet may come.
        let home = files.directory(&home).map_or(home, |found| found.path);
        if home.parent().is_some() && !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

fn place_of_work(
    files: &SessionRoot,
    homes: &[PathBuf],
    question: &Question,
) -> Option<(Workspace, InodeKey)> {
    let cwd = procfs::as_seen_by(question.pid, "cwd")?;
    let found = workspace(&Ground { files, homes, user: question.user }, &cwd)?;
    let place = files.directory(&found.root)?;
    match files.anchor(&place) {
        Ok(anchor) => Some((found, anchor.key)),
        Err(error) => {
            tracing::warn!(pid = question.pid, %error, "the workspace cannot be identified: every secret is foreign");
            None
        }
    }
}

/// The mount namespace of a process; `None` where it has ended.
#[must_use]
pub fn namespace(pid: u32) -> Option<Namespace> {
    fs::metadata(procfs::living(pid).join("ns/mnt")).ok().map(|found| found.ino())
}

fn shares_our_mounts(pid: u32) -> bool {
    let own = std::process::id();
    let root = |pid: u32| fs::read_link(procfs::living(pid).join("root")).ok();
    namespace(pid).is_some_and(|theirs| namespace(own) == Some(theirs)) && root(pid) == root(own)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use interlock_core::catalog::secrets::{Moved, Secrets};

    fn places() -> Vec<StorePlace> {
        Secrets::builtin().unwrap().places(&Moved::default())
    }

    #[test]
    fn a_process_is_found_with_its_homes_and_its_stores() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap();
        fs::create_dir(home.join(".aws")).unwrap();
        fs::write(home.join(".aws/credentials"), "x").unwrap();
        std::os::unix::fs::symlink(&home, home.join("link")).unwrap();
        let question = Question {
            pid: std::process::id(),
            user: rustix::process::getuid().as_raw(),
            home: Some(home.join("link").display().to_string()),
            workspace: true,
            places: places(),
        };
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        let pending = start(question, Arc::clone(&wake)).unwrap();
        let timeout = Duration::from_secs(20);
        let survey = pending.wait(timeout, timeout).unwrap();
        assert!(pending.steps.load(Ordering::Relaxed) > 100);
        assert_eq!(survey.homes.first(), Some(&home), "links resolved");
        let (workspace, key) = survey.workspace.unwrap();
        assert!(std::env::current_dir().unwrap().starts_with(&workspace.root));
        assert_eq!(key.ino, fs::metadata(&workspace.root).unwrap().ino());
        assert!(survey.stores.iter().any(|store| store.path == home.join(".aws/credentials")));
        let mut counter = [0; 8];
        rustix::io::read(wake.as_fd(), &mut counter).unwrap();
        assert_eq!(u64::from_ne_bytes(counter), 1);
    }

    #[test]
    fn a_slow_answer_is_waited_for_and_a_silent_one_is_not() {
        let (quiet, most) = (Duration::from_millis(50), Duration::from_millis(400));
        let (sender, steps, pending) = Pending::channel();
        assert_eq!(pending.wait(quiet, most).err(), Some(RecvTimeoutError::Timeout), "nothing moves");
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while began.elapsed() < 2 * most {
                    steps.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                }
            });
            assert_eq!(
                pending.wait(quiet, most).err(),
                Some(RecvTimeoutError::Timeout),
                "it goes on for ever"
            );
            assert!(began.elapsed() >= most, "{:?}", began.elapsed());
            sender.send(Survey::default()).unwrap();
            assert!(pending.wait(quiet, most).is_ok());
        });
        drop(sender);
        assert_eq!(pending.wait(quiet, most).err(), Some(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn one_that_has_ended_has_nothing() {
        let question = Question { pid: u32::MAX, user: 0, home: None, workspace: true, places: places() };
        let survey = look(&question, Arc::default());
        assert!(survey.homes.is_empty() && survey.workspace.is_none() && survey.stores.is_empty());
    }
}
