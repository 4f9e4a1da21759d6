//! Plays a case: what the daemon would see becomes what it would decide.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    case::{Act, Actor, Answer, Case, Decisions, Endpoint, Event, Expected, Program, Reply, told},
    decided::{decisions, stop},
    miss::Miss,
    read::values::in_home,
};
use crate::{
    breaker::risk,
    catalog::{Catalog, normalise},
    decide::{self, Approval, Decider, Effect, Input, Pending, Settings},
    facts::{
        BootNanos, Destination, EnvironAccess, EnvironHow, Inspection, Mode, NameSource, Process, Relink,
        SecretAccess, SessionId, Subject,
    },
    holds::{HeldCaller, HeldFlow},
    names::Identified,
    recognition::{self, Grounds, KnownBy, Reader, environment},
    record::Who,
    rules::RuleSet,
    sessions::Session,
};

/// Pids of every case.
const ROOT: u32 = 4000;
const CHILD: u32 = 4001;
const STRANGER: u32 = 3999;
/// When every session of a case began, boot clock ns: a machine that has been up for an hour.
const BEGAN: u64 = 3_600_000_000_000;
/// No entry of the catalogue: the path alone decides.
const NO_HINT: u32 = u32::MAX;

/// What judges: rules and catalogues.
#[derive(Clone, Copy, Debug)]
pub struct Runner<'a> {
    pub rules: &'a Arc<RuleSet>,
    pub catalog: &'a Catalog,
}

/// What was decided about a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The strongest decisions of the whole session.
    pub strongest: Decisions,
    /// What was not as expected.
    pub misses: Vec<Miss>,
}

impl CaseResult {
    /// What the strongest decision does.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.strongest.last().map(|decision| decision.answer)
    }
}

impl Runner<'_> {
    /// Plays a case from its begin to its end.
    #[must_use]
    pub fn run(&self, case: &Case) -> CaseResult {
        let mut stage = Stage::new(*self, case);
        let (mut strongest, mut misses) = (Decisions::new(), Vec::new());
        for event in &case.events {
            let decisions = match stage.play(event) {
                Ok(decisions) => decisions,
                Err(why) => {
                    // What people do must be possible, whether or not something is expected of it.
                    let possible = matches!(event.act, Act::Answer { .. }).then_some(&Expected::Unstopped);
                    let expected = event.expect.as_ref().or(possible);
                    misses.extend(
                        expected.map(|expected| Miss::of(case, event.line, &event.told, expected, why)),
                    );
                    continue;
                }
            };
            if let Some(expected) = event.expect.as_ref().filter(|expected| !expected.is_met(&decisions)) {
                misses.push(Miss::of(case, event.line, &event.told, expected, told(&decisions)));
            }
            keep_strongest(&mut strongest, decisions);
        }
        if let Some(expected) = case.expect.as_ref().filter(|expected| !expected.is_met(&strongest)) {
            misses.push(Miss::of(case, case.line, "the whole session", expected, told(&strongest)));
        }
        CaseResult { strongest, misses }
    }
}

fn keep_strongest(strongest: &mut Decisions, more: Decisions) {
    strongest.extend(more);
    let most = strongest.last().map(|decision| decision.answer);
    strongest.retain(|decision| Some(decision.answer) == most);
}

/// A session in its surroundings.
struct Stage<'a> {
    runner: Runner<'a>,
    decider: Decider,
    id: SessionId,
    home: String,
    /// What the next event is done by.
    actor: Process,
    /// Secrets that were given other names, with their entries and whether they came from outside of the workspace: the
    /// kernel follows the inode.
    followed: HashMap<String, (u32, bool)>,
    /// How much later everything is, because somebody waited for an answer that did not come.
    waited: Duration,
    /// The last thing that waited: each has a number of its own.
    last: u64,
    /// What stopped the session.
    stopped: Option<Stopped>,
}

/// What stopped a session, so that nothing of it runs any more.
struct Stopped {
    rule: String,
    text: String,
    killed: bool,
}

impl<'a> Stage<'a> {
    fn new(runner: Runner<'a>, case: &Case) -> Self {
        let setting = &case.setting;
        let id = SessionId(monitor_common::label::session_id(ROOT, BEGAN));
        let mut session = Session::new(id, setting.agent.clone(), "case".to_owned(), BootNanos(BEGAN));
        session.home = Some(setting.home.clone());
        session.workspace = setting.workspace.as_ref().map(PathBuf::from);
        session.incomplete = setting.incomplete;
        let rules = Arc::clone(runner.rules);
        let settings = Settings { rules, mode: Mode::Enforce, risk_budget: risk::BUDGET };
        let mut stage = Self {
            runner,
            decider: Decider::new(settings, 1),
            id,
            home: setting.home.clone(),
            actor: Process::default(),
            followed: HashMap::new(),
            waited: Duration::ZERO,
            last: 0,
            stopped: None,
        };
        stage.actor = stage.process(&Actor::Agent, &session.agent);
        stage.decider.sessions.insert(session);
        stage
    }

    /// What is decided about an event.
    ///
    /// # Errors
    /// It cannot happen: nothing runs any more, or there is nothing to answer.
    fn play(&mut self, event: &Event) -> Result<Decisions, String> {
        let at = BootNanos(BEGAN).plus(event.at + self.waited);
        let effects = match &event.act {
            Act::Answer { how, rule } => self.answer(*how, rule, at)?,
            act => self.act(act, event, at)?,
        };
        let decisions = decisions(&effects);
        if let Some(stop) = effects.iter().find_map(stop) {
            let rule = stop.who.text();
            let killed = effects.iter().any(|effect| matches!(effect, Effect::Kill(_)));
            let by = decisions.last().map(ToString::to_string).unwrap_or_default();
            self.stopped = Some(Stopped { rule, text: format!("{by} at {}", event.told), killed });
        }
        Ok(decisions)
    }

    fn act(&mut self, act: &Act, event: &Event, at: BootNanos) -> Result<Vec<Effect>, String> {
        if let Some(stopped) = &self.stopped {
            return Err(format!("nothing runs any more: {}", stopped.text));
        }
        let agent = self.session().map(|session| session.agent.clone()).unwrap_or_default();
        let mut process =
            event.process.as_ref().map_or_else(|| self.actor.clone(), |actor| self.process(actor, &agent));
        if let Act::Exec(program) = act {
            process = self.process(&Actor::Program(program.clone()), &agent);
            self.actor = process.clone();
        }
        let parent = event.parent.as_ref().unwrap_or(&Actor::Agent);
        let parent = self.process(parent, &agent);
        let mut effects = Vec::new();
        for subject in self.subjects(act, &process, &parent) {
            let pending = self.pending(&subject, process.pid);
            let pack_off = self.runner.catalog.switched_off(&subject).map(str::to_owned);
            let act =
                decide::Act { session: self.id, process: process.clone(), at, subject, pending, pack_off };
            self.decider.step(at, Input::Act(Box::new(act)), &mut effects);
        }
        Ok(effects)
    }

    /// Everything waits for its decision, as with every backend in force.
    fn pending(&mut self, subject: &Subject, pid: u32) -> Pending {
        self.last += 1;
        let number = self.last;
        match subject {
            Subject::Connect(_) => {
                let asked = BootNanos(number);
                let flow = HeldFlow { cookie: number, generation: 1, asked, ..HeldFlow::default() };
                Pending::Flow { flow, unseen: false }
            }
            Subject::Open(_)
            | Subject::Exec
            | Subject::Delegate(_)
            | Subject::Link(_)
            | Subject::Handshake(_) => {
                Pending::Caller(HeldCaller { pid, ino: number, more: 0, dev: 0, subject: 0 })
            }
            Subject::Probe(_) | Subject::Environ(_) | Subject::Inspect(_) | Subject::Lifecycle(_) => {
                Pending::None
            }
        }
    }

    /// What people do, or do not.
    fn answer(&mut self, how: Reply, rule: &str, at: BootNanos) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        let who = Who::Caller { uid: 0, pid: 0 };
        let waiting = self.decider.holds().waiting().find(|hold| hold.rule == rule);
        let waiting = waiting.map(|hold| (hold.number, hold.deadline));
        let waiting = waiting.ok_or_else(|| format!("nothing waits by {rule}"));
        match how {
            Reply::Thaw => {
                let stopped = self.stopped.as_ref().ok_or("nothing is frozen")?;
                if stopped.killed || stopped.rule != rule {
                    return Err(format!("{rule} has frozen nothing: {}", stopped.text));
                }
                self.stopped = None;
                self.decider.step(at, Input::Thawed { session: self.id, who }, &mut effects);
            }
            Reply::Deny => {
                let (hold, _) = waiting?;
                self.decider.step(at, Input::Denied { hold, who }, &mut effects);
            }
            Reply::Silence => {
                let (_, deadline) = waiting?;
                let deadline = deadline.ok_or_else(|| format!("{rule} waits for ever"))?;
                self.waited += deadline.since(at);
                self.decider.step(at.max(deadline), Input::Tick, &mut effects);
            }
            Reply::Approve => {
                let (hold, _) = waiting?;
                if let Some(stopped) = &self.stopped {
                    return Err(format!(
                        "nothing is approved of a session that is stopped: {}",
                        stopped.text
                    ));
                }
                self.decider.step(at, Input::Shown { hold }, &mut effects);
                let approval = Approval { hold, who, reach: None };
                self.decider.step(at, Input::Approved(approval), &mut effects);
            }
        }
        Ok(effects)
    }

    fn session(&self) -> Option<&Session> {
        self.decider.sessions.get(self.id)
    }

    fn workspace(&self) -> Option<&Path> {
        self.session().and_then(|session| session.workspace.as_deref())
    }

    fn grounds(&self) -> Grounds<'_> {
        self.session().map(Session::grounds).unwrap_or_default()
    }

    /// What rules are asked about; empty where the daemon would see nothing.
    fn subjects(&mut self, act: &Act, process: &Process, parent: &Process) -> Vec<Subject> {
        let subject = match act {
            Act::Exec(_) => {
                return recognition::executed(
                    self.runner.catalog,
                    process,
                    [Some(parent), None],
                    self.grounds(),
                );
            }
            Act::Open(path) => self.secret(path, process, parent).map(Subject::Open),
            Act::Probe(path) => self.secret(path, process, parent).map(Subject::Probe),
            Act::Connect(endpoint) => Some(Subject::Connect(self.destination(endpoint))),
            Act::Environ { how: EnvironHow::Open, .. } if environment::lists_processes(process) => None,
            Act::Environ { own, how } => {
                let target = if *own { process.pid } else { STRANGER };
                Some(Subject::Environ(EnvironAccess { target, own: *own, how: *how }))
            }
            Act::Inspect { own, how } => {
                let target = if *own { ROOT } else { STRANGER };
                Some(Subject::Inspect(Inspection { target, own: *own, how: *how }))
            }
            Act::Delegate(path) => {
                let (catalog, path) = (self.runner.catalog, self.absolute(path));
                let asked = recognition::asked_service(catalog, path.clone());
                asked
                    .or_else(|| recognition::written_file(catalog, path, Some(self.home())))
                    .map(Subject::Delegate)
            }
            Act::Link { path, to, how } => self.secret(path, process, parent).map(|secret| {
                self.follow(&secret, self.absolute(to));
                Subject::Link(Relink { secret, how: *how })
            }),
            Act::Lifecycle(stage) => Some(Subject::Lifecycle(*stage)),
            Act::Answer { .. } => None,
        };
        subject.into_iter().collect()
    }

    fn secret(&self, path: &str, process: &Process, parent: &Process) -> Option<SecretAccess> {
        let path = self.absolute(path);
        let (known, outside) = match self.followed.get(&path) {
            Some((entry, outside)) => (KnownBy::Inode { entry: *entry }, *outside),
            None => (KnownBy::Name { hint: NO_HINT }, self.is_outside(&path)),
        };
        let session = self.session()?;
        let reader = Reader {
            grounds: session.grounds(),
            moved: &session.moved,
            is_root: process.pid == ROOT,
            environment: None,
            executable: Some(&process.executable),
            args: &process.args,
            ancestors: &[parent],
        };
        recognition::secret(self.runner.catalog, reader, path, known, outside)
    }

    /// The kernel tags the inode when it sees the secret get another name.
    fn follow(&mut self, secret: &SecretAccess, to: String) {
        let outside =
            self.followed.get(&secret.path).map_or_else(|| self.is_outside(&secret.path), |from| from.1);
        let mut ids = (0_u32..).zip(self.runner.catalog.secrets.ids());
        if let Some((entry, _)) = ids.find(|(_, id)| *id == secret.entry) {
            self.followed.insert(to, (entry, outside));
        }
    }

    fn is_outside(&self, path: &str) -> bool {
        recognition::is_outside(self.workspace(), Path::new(path))
    }

    fn destination(&self, endpoint: &Endpoint) -> Destination {
        // An address that a proxy is asked for is no name.
        let names = endpoint.host.iter().filter(|host| host.parse::<IpAddr>().is_err());
        let own = names.map(|host| (host.clone(), endpoint.named_by));
        let resolved = endpoint.resolved.iter().map(|name| (name.clone(), NameSource::Dns));
        let says_another = |host: &String| !endpoint.resolved.is_empty() && !endpoint.resolved.contains(host);
        let identified = Identified {
            names: own.chain(resolved).collect(),
            mismatch: endpoint.host.as_ref().is_some_and(says_another) && !endpoint.through_proxy,
            proxy_target: endpoint
                .host
                .clone()
                .filter(|_| endpoint.through_proxy)
                .map(|host| (host, endpoint.port)),
            ..Identified::default()
        };
        let Endpoint { address, port, transport, .. } = *endpoint;
        recognition::destination(&self.runner.catalog.destinations, &identified, address, port, transport)
    }

    fn process(&self, actor: &Actor, agent: &str) -> Process {
        let (pid, program) = match actor {
            Actor::Program(program) => (CHILD, program.clone()),
            Actor::Agent => {
                (ROOT, Program { executable: format!("/usr/bin/{agent}"), args: vec![agent.to_owned()] })
            }
        };
        Process {
            pid,
            parent: if pid == ROOT { 1 } else { ROOT },
            start: BootNanos(BEGAN),
            executable: self.absolute(&program.executable),
            args: program.args.iter().map(|arg| in_home(arg, self.home())).collect(),
            args_unknown: false,
        }
    }

    /// A path as the process means it: in the home, or from the workspace on. Abstract sockets stay what they are.
    fn absolute(&self, path: &str) -> String {
        let path = in_home(path, self.home());
        if path.starts_with('@') {
            return path;
        }
        let base = self.workspace().unwrap_or(Path::new("/"));
        normalise(&base.join(path).to_string_lossy())
    }

    fn home(&self) -> &str {
        &self.home
    }
}
