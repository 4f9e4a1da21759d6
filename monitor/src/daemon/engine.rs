//! The engine: owns all state, and turns.

use std::{
    collections::{HashMap, HashSet},
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use monitor_common::{label::GATED, policy::Policy};
use serde_json::Value;
use tokio::sync::Notify;

use super::{
    StartError,
    asking::Asking,
    attach_state::AttachState,
    event::Event,
    explaining::Explanations,
    folding::Folding,
    greetings::Greetings,
    handle::{Bus, Ends, Inbox, Message},
    losses::Dismissed,
    numbering::Numbering,
    partial_requests::PartialRequests,
    policy_set::PolicySet,
    reconciling::Reconciliation,
    reload::{Reason, Reloading},
    searches::Searches,
    seats::Looker,
    snapshot::{SessionRecord, Snapshot, Store, boot_id},
    strangers::Strangers,
    surveys::Surveys,
    system,
    tags::Tags,
    unwatched::UnwatchedLog,
};
use crate::{
    alerts::{DEFAULT_LIMIT, Outbox},
    config::Config,
    ledger::{Head, Ledger, record::Record},
    metrics::{Heartbeat, Metrics},
};
use interlock_core::{
    decide::{Decider, Effect, Input, Settings},
    facts::{BootNanos, Mode, SessionId},
    holds::HeldCaller,
    names::Names,
    record::{Entry, Kind, Who},
};
use interlock_host::{
    clock::{Wall, boot_now},
    enforcement::freezer::Freezer,
    probes::{
        Maps, Options, Probes,
        inode::{Anchor, MountCache},
        ring,
        ring_merger::RingMerger,
        selftest::Proof,
    },
    proc::{contents::Fingerprints, surroundings::Surroundings},
    resolvers::Resolvers,
};

/// Housekeeping while a session lives, and while none does.
const TICK: Duration = Duration::from_secs(1);
const IDLE_TICK: Duration = Duration::from_secs(30);
/// How long the inbox is listened to before the rings are read again: anybody may ask, as often as they like.
const INBOX_SPAN: Duration = Duration::from_millis(20);

pub(super) struct Engine {
    pub config: Config,
    pub policies: PolicySet,
    pub probes: Probes,
    pub maps: Maps,
    pub freezer: Freezer,
    /// What decides, and everything that it decides by.
    pub decider: Decider,
    /// Room for what follows from a step.
    pub effects: Vec<Effect>,
    /// Of every session of the registry that was looked at.
    pub surroundings: HashMap<SessionId, Surroundings>,
    pub names: Names,
    pub resolvers: Resolvers,
    pub ledger: Ledger,
    pub outbox: Outbox,
    pub metrics: Arc<Metrics>,
    pub metrics_address: Option<String>,
    pub started: Timestamp,
    pub events: u64,
    next_event: u64,
    /// Sockets whose queued data must stay held although everybody closed them, until TCP gives up.
    pub lingering: HashMap<u64, BootNanos>,
    /// Processes that are stopped until it is known whose the connections are that they were sent.
    pub receivers: HashMap<u32, HeldCaller>,
    pub explanations: Explanations,
    pub undecodable: u64,
    pub dismissed: Dismissed,
    /// What was proven of the hooks in force.
    pub proofs: Vec<Proof>,
    /// The kernel's verdict table, as it was written last.
    pub policy: Policy,
    pub numbering: Numbering,
    pub turned_away: HashSet<(SessionId, HeldCaller)>,
    pub partial_requests: PartialRequests,
    pub greetings: Greetings,
    /// Which process of a session holds a listening socket, by the socket's inode.
    pub listeners: HashMap<(SessionId, u64), u32>,
    pub asking: Asking,
    pub tags: Tags,
    /// Interlock's own files, held so that their numbers stay theirs.
    pub own: Vec<Anchor>,
    rings: RingMerger,
    /// Measured once a turn, so that events keep their order on the wall's clock.
    wall: Wall,
    store: Store,
    /// What must outlive the daemon may have changed.
    unsaved: bool,
    inbox: Receiver<Message>,
    /// Something is in the inbox that was not looked at.
    inbox_waits: bool,
    wake: Arc<OwnedFd>,
    pub bus: Bus,
    pub folding: Folding,
    pub ask_again: Arc<Notify>,
    pub registries_asked: u64,
    pub attach_state: AttachState,
    stopping: bool,
    next_housekeeping: BootNanos,
    boot: String,
    pub mounts: MountCache,
    pub surveys: Surveys,
    pub fingerprints: Fingerprints,
    pub strangers: Strangers,
    pub reconciliation: Reconciliation,
    pub unwatched_log: UnwatchedLog,
    pub looker: Looker,
    pub searches: Searches,
    pub reloading: Reloading,
    /// The way into the inbox, for threads of its own.
    pub back: Inbox,
}

impl Engine {
    /// Loads the probes, fills the kernel's tables, and finds what an earlier daemon left.
    pub fn start(
        config: Config,
        policies: PolicySet,
        ends: Ends,
        metrics: Arc<Metrics>,
        metrics_address: Option<String>,
    ) -> Result<Self, StartError> {
        let store = Store::new(&config.state);
        let before = store.load();
        let ledger = Ledger::open(&config.state)?;
        let outbox = Outbox::start(Some(config.state.clone()), DEFAULT_LIMIT)
            .map_err(system("starting the outbox"))?;
        let cgroup = config.cgroup_mount().map_err(system("finding the cgroup v2 mount"))?;
        let (pins, observe) = (config.pins.clone(), config.mode == Mode::Observe);
        let (probes, maps) = Probes::load(&Options { cgroup, pins, observe })?;
        let generation = maps.policy().map_or(0, |policy| policy.generation);
        let looker = Looker::start(ends.back.clone())
            .map_err(system("starting the thread that looks at terminals"))?;
        let searches = Searches::start(ends.back.clone(), Arc::clone(&metrics))
            .map_err(system("starting the thread that searches descriptors"))?;
        let back = ends.back;
        let resolvers = Resolvers::new(config.resolvers.iter().copied());
        let settings = Settings {
            rules: Arc::clone(&policies.rules),
            mode: config.mode,
            risk_budget: config.risk_budget,
        };
        let decider = Decider::new(settings, before.next_hold);
        let mut engine = Self {
            config,
            policies,
            probes,
            maps,
            freezer: Freezer::find(),
            decider,
            effects: Vec::new(),
            surroundings: HashMap::new(),
            names: Names::new(),
            resolvers,
            ledger,
            outbox,
            metrics,
            metrics_address,
            started: Timestamp::now(),
            events: 0,
            next_event: before.next_event.max(1),
            receivers: HashMap::new(),
            lingering: before.lingering.iter().map(|(cookie, until)| (*cookie, BootNanos(*until))).collect(),
            explanations: Explanations::default(),
            undecodable: 0,
            dismissed: Dismissed::default(),
            proofs: Vec::new(),
            policy: Policy::default(),
            turned_away: HashSet::new(),
            numbering: Numbering::after(generation, before.secrets.clone()),
            partial_requests: PartialRequests::default(),
            greetings: Greetings::default(),
            listeners: HashMap::new(),
            asking: Asking::default(),
            tags: Tags::default(),
            own: Vec::new(),
            rings: RingMerger::default(),
            wall: Wall::now(),
            store,
            unsaved: false,
            inbox: ends.inbox,
            inbox_waits: false,
            wake: ends.wake,
            bus: ends.bus,
            folding: Folding::default(),
            ask_again: ends.ask_again,
            registries_asked: 0,
            attach_state: AttachState::default(),
            stopping: false,
            next_housekeeping: BootNanos(0),
            boot: boot_id(),
            mounts: MountCache::default(),
            surveys: Surveys::default(),
            fingerprints: Fingerprints::default(),
            strangers: Strangers::default(),
            reconciliation: Reconciliation::default(),
            unwatched_log: UnwatchedLog::default(),
            looker,
            searches,
            reloading: Reloading::default(),
            back,
        };
        for hold in &before.holds {
            // What waits goes on waiting, whatever these rules gate. A session that is over has nothing that waits.
            let _ = engine.maps.set_flags(SessionId(hold.session), GATED, true);
        }
        engine.write_tables()?;
        engine.protect_own();
        engine.prove();
        engine.warn_of_weaker_rules();
        engine.record(Kind::Start, Who::Daemon, None, [("pid", std::process::id().into())]);
        engine.recover(before);
        engine.adopt();
        engine.follow_sessions();
        engine.probes.replace_other_versions();
        engine.housekeeping();
        engine.write_down();
        Ok(engine)
    }

    /// Turns until it is told to stop.
    ///
    /// # Errors
    /// The kernel cannot be waited for. What is pinned stays in force.
    pub fn run(mut self, heartbeat: &Heartbeat) -> std::io::Result<()> {
        let mut waited = Ok(());
        while !self.stopping {
            heartbeat.beat();
            let timeout = self.until_next_turn();
            waited =
                ring::wait([&self.probes.lifecycle, &self.probes.access], self.wake.as_fd(), Some(timeout));
            if waited.is_err() {
                break;
            }
            self.turn();
        }
        self.end();
        waited
    }

    fn turn(&mut self) {
        self.drain();
        self.write_down(); // before anybody is told of it
        let mut counter = [0_u8; 8];
        let _ = rustix::io::read(self.wake.as_fd(), &mut counter); // nothing to read: woken by a ring
        let began = Instant::now();
        self.inbox_waits = true;
        while began.elapsed() < INBOX_SPAN {
            let Ok(input) = self.inbox.try_recv() else {
                self.inbox_waits = false;
                break;
            };
            match input {
                Message::Command(command) => self.answer(*command),
                Message::Reload => {
                    self.look_at_files();
                    self.reload(Reason::Told); // what is wrong stands in the log, the status and the metric
                }
                Message::FilesChanged => self.reload(Reason::Changed),
                Message::Read(read) => self.has_read(*read),
                Message::Registries(answers) => self.learn_registries(answers),
                Message::Connections(id, had) => self.note_connections(id, had),
                Message::Stop => self.stopping = true,
            }
        }
        self.take_surveys();
        self.step(Input::Tick);
        self.judge_unfinished();
        self.housekeeping();
        self.write_down();
    }

    /// Handles what both rings hold, in the order it happened. One batch: a tree that forks as fast as it can must not keep
    /// a person waiting.
    fn drain(&mut self) {
        let mut rings = std::mem::take(&mut self.rings);
        rings.read(&mut self.probes.access, &mut self.probes.lifecycle);
        self.handle_all(&mut rings);
        self.rings = rings;
    }

    fn handle_all(&mut self, rings: &mut RingMerger) {
        while let Some(record) = rings.take() {
            match record {
                Ok(record) => self.handle(record),
                Err(_) => self.undecodable += 1,
            }
        }
        rings.compact();
    }

    /// Handles everything that has happened so far, and not what a busy session goes on doing meanwhile.
    pub fn catch_up(&mut self) {
        let now = boot_now();
        while self.rings.complete_up_to() < now {
            self.drain();
        }
    }

    fn until_next_turn(&self) -> Duration {
        if self.rings.waits() || self.inbox_waits {
            return Duration::ZERO;
        }
        let idle = self.decider.sessions.is_empty()
            && self.lingering.is_empty()
            && self.attach_state.is_detached()
            && !self.freezer.is_leaving();
        let tick = if idle { IDLE_TICK } else { TICK };
        let next = [self.decider.holds().next_deadline(), self.partial_requests.next_deadline()]
            .into_iter()
            .flatten()
            .min();
        let deadline = next.map_or(tick, |deadline| deadline.since(boot_now()).max(Duration::from_millis(1)));
        tick.min(deadline)
    }

    /// A new event that belongs to no session, numbered.
    pub fn event_of_daemon(&mut self, action: &str) -> Event {
        Event::new(self.number_event(), action, Timestamp::now())
    }

    pub fn number_event(&mut self) -> u64 {
        let number = self.next_event;
        self.next_event += 1;
        number
    }

    /// A new event of a session, numbered.
    pub fn event(&mut self, action: &str, at: BootNanos, session: SessionId) -> Event {
        let number = self.number_event();
        let agent =
            self.decider.sessions.get(session).map(|session| session.agent.clone()).unwrap_or_default();
        Event::new(number, action, self.wall.at(at)).session(session, &agent)
    }

    /// Appends to the ledger; gives whether it is safely there.
    pub fn record<const N: usize>(
        &mut self,
        kind: Kind,
        who: Who,
        session: Option<SessionId>,
        detail: [(&str, Value); N],
    ) -> bool {
        self.keep(Entry::new(kind, who, session, detail))
    }

    /// Writes an entry into the ledger; returns whether it is there, on disk if it must be at once. Fails open: freezing and
    /// denying must not wait for a disk.
    pub fn keep(&mut self, entry: Entry) -> bool {
        let at_once = entry.at_once;
        let record = Record::of(entry, Timestamp::now());
        if at_once {
            let appended = self.ledger.append(record);
            return self.is_recorded(appended, 1);
        }
        match self.ledger.note(record) {
            // Its head is not published yet: one that a power cut takes back would look like a cut of the file.
            Ok(_) => self.metrics.ledger_records.inc(),
            Err(error) => return self.is_recorded(Err(error), 0),
        }
        true
    }

    fn is_recorded(&self, appended: std::io::Result<Head>, records: u64) -> bool {
        match appended {
            Ok(head) => {
                self.metrics.ledger_records.inc_by(records);
                self.metrics.ledger_head(&head.hash.to_string());
                true
            }
            Err(error) => {
                tracing::error!(path = %self.ledger.path().display(), %error, "the ledger cannot be written");
                false
            }
        }
    }

    pub fn observing(&self) -> bool {
        self.decider.observes()
    }

    /// What is due once in a while: everything that nothing waits for.
    fn housekeeping(&mut self) {
        let now = boot_now();
        if now.0 < self.next_housekeeping.0 {
            return;
        }
        self.next_housekeeping = now.plus(TICK);
        self.wall.follow();
        self.let_go_of_lingering(now);
        self.follow_sessions();
        self.notice_losses();
        self.tell_askings();
        self.tell_repeats(now);
        self.look_at_ledger();
        self.reconcile(now);
        self.survey_again(now);
        self.untag_deleted();
        self.freezer.sweep();
        self.update_gauges();
        let names = self.names.counts();
        for (counter, total) in [
            (&self.metrics.outbox_dropped, self.outbox.dropped()),
            (&self.metrics.outbox_failed, self.outbox.failed()),
            (&self.metrics.dns_malformed, names.malformed),
            (&self.metrics.dns_streams_given_up, names.streams_given_up),
            (&self.metrics.names_evicted, names.evicted + names.sessions_evicted),
        ] {
            counter.inc_by(total.saturating_sub(counter.get()));
        }
        for (program, time) in self.probes.run_times() {
            self.metrics.program_total(program, time);
        }
        self.save();
    }

    /// What must outlive the daemon may have changed, sessions and holds: it is saved before the turn ends, once for
    /// everything that a session did in it.
    pub fn save(&mut self) {
        self.unsaved = true;
    }

    pub fn write_down(&mut self) {
        self.tell_rotations();
        if self.ledger.is_ahead() {
            let synced = self.ledger.sync();
            self.is_recorded(synced, 0); // open: what was noted is done already; logged
        }
        if !std::mem::take(&mut self.unsaved) {
            return;
        }
        let snapshot = self.snapshot();
        if let Err(error) = self.store.save(snapshot) {
            tracing::error!(%error, "the state cannot be saved; after a crash the holds that wait are denied");
        }
    }

    fn snapshot(&self) -> Snapshot {
        let sessions = self.decider.sessions.iter().map(|session| SessionRecord {
            id: session.id.0,
            agent: session.agent.clone(),
            recognised_by: session.recognised_by.clone(),
            user: session.user,
            command: session.command.clone(),
            home: session.home.clone(),
            workspace: session.workspace.clone(),
            project: session.project.clone(),
            prefix: session.prefix.clone(),
            serves: session.serves,
            served: session.served.clone(),
            started: session.started.0,
            frozen: session.is_frozen(),
            terminal: session.terminal,
            seat: self.surroundings.get(&session.id).and_then(|around| around.seat),
            unattended: session.unattended.clone(),
            breaker: Some((session.breaker().clone(), session.memory.risk_kept().clone())),
            touched: session.touched(),
        });
        let mut sessions: Vec<SessionRecord> = sessions.collect();
        sessions.sort_by_key(|session| session.id);
        Snapshot {
            boot: self.boot.clone(),
            // Rounded up, so that an event alone does not cost a write to disk.
            next_event: (self.next_event / 1000 + 1) * 1000,
            next_hold: self.decider.holds().next_number(),
            sessions,
            holds: self.decider.holds().waiting().cloned().collect(),
            grants: self.decider.holds().grants().to_vec(),
            lingering: self.lingering.iter().map(|(cookie, until)| (*cookie, until.0)).collect(),
            secrets: self.policies.catalog.secrets.ids().map(str::to_owned).collect(),
            accounts: self.accounts_of_waiting(),
        }
    }

    /// With pins everything stays in force for the next daemon. Without, the kernel programs go with this process, so
    /// what waits is refused first: silence never means yes.
    fn end(&mut self) {
        self.catch_up();
        let mut rest = std::mem::take(&mut self.rings);
        rest.let_go(); // it is in no ring any more
        self.handle_all(&mut rest);
        if self.config.pins.is_none() {
            self.tell_what_stays_frozen();
            self.step(Input::Ends { why: "the daemon ended".to_owned() });
        }
        self.searches.end();
        self.tell_all_repeats();
        self.save();
        self.write_down();
        self.record(Kind::Stop, Who::Daemon, None, [("pid", std::process::id().into())]);
    }

    /// Its labels go with the kernel's programs. Who stands in the freezer is found there by the next daemon, who was stopped
    /// by signal is not.
    fn tell_what_stays_frozen(&self) {
        for session in self.decider.sessions.iter().filter(|session| session.is_frozen()) {
            let (id, groups, by_signal) =
                (session.id, self.freezer.directories(session.id), session.by_signal());
            tracing::warn!(session = %id, ?groups, by_signal, "stays frozen: the next daemon with this state directory can thaw it; without one, write 0 into cgroup.freeze of these groups, and continue by hand (kill -CONT) what a signal stopped");
        }
    }

    /// What wakes the engine up when it is written to.
    pub fn waker(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.wake)
    }

    pub fn wall(&self, at: BootNanos) -> Timestamp {
        self.wall.at(at)
    }
}
