//! The probes of one test, the session it labels, and what the rings said about it.

use std::{
    fmt::Write as _,
    io::{PipeReader, PipeWriter},
    os::fd::AsFd as _,
    path::Path,
    time::Instant,
};

use interlock_core::facts::SessionId;
use interlock_core::strings;
use interlock_host::probes::{Maps, Options, Probes, Record, batch::Batch, inode::Mounts, mounts, ring};
use interlock_tests::wait;
use monitor_common::{
    event::file::Open,
    hash,
    label::{GATED, Label, Session, Taint, session_id},
    policy::{GRADE_A, InodeKey, SecretTag},
};

use super::actor::Actor;

/// The tag of every secret of these tests.
pub const TAG: SecretTag = SecretTag::of(7, GRADE_A);

pub struct Bench {
    probes: Probes,
    pub maps: Maps,
    pub session: SessionId,
    /// Records of the session, oldest first within each ring.
    lives: Batch,
    accesses: Batch,
    /// A process without a label whose execs are kept too.
    stranger: Option<u32>,
    /// Never readable: the rings alone end a wait.
    idle: (PipeReader, PipeWriter),
}

impl Bench {
    /// Loads and attaches; `None`, with the reason printed, where that is not permitted.
    pub fn load() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: the probes need root");
            return None;
        }
        let cgroup = mounts::cgroup2().expect("a cgroup v2 mount");
        let (probes, maps) =
            Probes::load(&Options { cgroup, pins: None, observe: false }).expect("the probes load");
        let session = SessionId(session_id(std::process::id(), 1_000));
        let idle = std::io::pipe().unwrap();
        Some(Self {
            probes,
            maps,
            session,
            lives: Batch::default(),
            accesses: Batch::default(),
            stranger: None,
            idle,
        })
    }

    /// Loads, and makes a new actor the root of a session without a workspace.
    pub fn with_actor() -> Option<(Self, Actor)> {
        let mut bench = Self::load()?;
        let actor = Actor::start();
        bench.label(actor.pid, Session::default());
        Some((bench, actor))
    }

    /// Makes `pid` the root of the session, which has touched nothing.
    pub fn label(&mut self, pid: u32, session: Session) {
        self.maps.add_session(self.session, session).unwrap();
        self.maps.set_label(pid, Label { session: self.session.0, start_ns: 0 }).unwrap();
    }

    pub fn is_labelled(&self, pid: u32) -> bool {
        self.maps.label(pid).is_some_and(|label| label.session == self.session.0)
    }

    /// What the kernel saw of the session.
    pub fn taint(&self) -> Taint {
        self.maps.taint(self.session).unwrap()
    }

    /// Has the session ask for every flow from now on, or not, whatever it touched.
    pub fn gate(&mut self, gated: bool) {
        self.maps.set_flags(self.session, GATED, gated).unwrap();
    }

    /// Makes these names, and no others, secrets.
    pub fn name_secrets(&mut self, names: &[(u8, &str)]) {
        let names: Vec<_> =
            names.iter().map(|(kind, name)| (hash::name(*kind, name.as_bytes()), TAG)).collect();
        self.maps.replace_names(&names).unwrap();
    }

    pub fn follow_sessions(&mut self, live: bool) {
        self.probes.follow_sessions(live).unwrap();
    }

    /// Detaches everything; the maps stay readable.
    pub fn detach(self) -> Maps {
        drop(self.probes);
        self.maps
    }

    /// Takes in what the rings hold, of this session.
    pub fn drain(&mut self) {
        let (session, stranger) = (self.session.0, self.stranger);
        let keep = |batch: &mut Batch, bytes: &[u8]| {
            let header = *Record::decode(bytes).expect("a record that this daemon understands").header();
            if header.session == session || Some(header.tgid) == stranger {
                batch.push(bytes);
            }
        };
        self.probes.access.drain_raw(usize::MAX, |bytes| keep(&mut self.accesses, bytes));
        self.probes.lifecycle.drain_raw(usize::MAX, |bytes| keep(&mut self.lives, bytes));
    }

    /// Everything of the session so far that `pick` takes.
    pub fn all<T>(&mut self, pick: impl Fn(Record<'_>) -> Option<T>) -> Vec<T> {
        self.drain();
        self.lives.iter().chain(self.accesses.iter()).flatten().filter_map(pick).collect()
    }

    /// Waits for a record that `pick` takes.
    pub fn expect<T>(&mut self, what: &str, pick: impl Fn(Record<'_>) -> Option<T>) -> T {
        let timeout = wait::timeout();
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(found) = self.all(&pick).into_iter().next() {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} within {timeout:?}; seen: {}", self.seen());
            ring::wait([&self.probes.lifecycle, &self.probes.access], self.idle.0.as_fd(), Some(left))
                .unwrap();
        }
    }

    /// Waits for the exec of a process without a label, which nothing may have been drained of yet; returns the end of its
    /// environment.
    pub fn expect_candidate(&mut self, pid: u32) -> Vec<String> {
        self.stranger = Some(pid);
        self.expect(&format!("exec of {pid}"), |record| match record {
            Record::Candidate(found) => Some(strings::strings(&found.env, found.exec.env_len)),
            _ => None,
        })
    }

    pub fn opens(&mut self) -> Vec<Open> {
        self.all(|record| match record {
            Record::Open(open) => Some(*open),
            _ => None,
        })
    }

    fn seen(&self) -> String {
        self.lives.iter().chain(self.accesses.iter()).flatten().fold(String::new(), |mut text, record| {
            let header = record.header();
            let _ = write!(text, "kind {} of {}, ", header.kind, header.tgid);
            text
        })
    }
}

/// Device and inode, as the kernel programs see them.
pub fn identity(path: &Path) -> InodeKey {
    Mounts::own().identify(path).unwrap()
}
