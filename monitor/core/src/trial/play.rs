//! Plays a case: what the daemon would see becomes what it would decide.

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{
    Miss,
    case::{Act, Actor, Answer, Case, Decision, Decisions, Endpoint, Event, Expected, Program, told},
    read::values::in_home,
};
use crate::{
    breaker::risk,
    catalog::{Catalog, normalise},
    facts::{
        BootNanos, Destination, EnvironAccess, EnvironHow, Inspection, NameSource, Process, Relink,
        SecretAccess, SessionId, Subject,
    },
    names::Identified,
    recognition::{self, KnownBy, Reader, environment},
    rules::RuleSet,
    sessions::{Session, judgement::Judged},
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
pub struct Court<'a> {
    pub rules: &'a RuleSet,
    pub catalog: &'a Catalog,
}

/// What was decided about a case.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The strongest decisions of the whole session.
    pub strongest: Decisions,
    /// What was not as expected.
    pub misses: Vec<Miss>,
}

impl Heard {
    /// What the strongest decision does.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.strongest.last().map(|decision| decision.answer)
    }
}

impl Court<'_> {
    /// Plays a case from its begin to its end.
    #[must_use]
    pub fn hear(&self, case: &Case) -> Heard {
        let mut stage = Stage::new(*self, case);
        let (mut strongest, mut misses) = (Decisions::new(), Vec::new());
        let mut frozen: Option<String> = None;
        for event in &case.events {
            if let Some(by) = &frozen {
                misses.extend(event.expect.as_ref().map(|expected| {
                    miss(case, event.line, &event.told, expected, format!("nothing runs any more: {by}"))
                }));
                continue;
            }
            let decisions = stage.play(event);
            if let Some(expected) = event.expect.as_ref().filter(|expected| !expected.is_met(&decisions)) {
                misses.push(miss(case, event.line, &event.told, expected, told(&decisions)));
            }
            let ends = decisions.last().filter(|decision| decision.answer >= Answer::Freeze);
            frozen = ends.map(|decision| format!("{decision} at {}", event.told));
            keep_strongest(&mut strongest, decisions);
        }
        if let Some(expected) = case.expect.as_ref().filter(|expected| !expected.is_met(&strongest)) {
            misses.push(miss(case, case.line, "the whole session", expected, told(&strongest)));
        }
        Heard { strongest, misses }
    }
}

fn miss(case: &Case, line: u64, event: &str, expected: &Expected, got: String) -> Miss {
    Miss {
        file: case.file.clone(),
        line,
        case: case.name.clone(),
        event: event.to_owned(),
        expected: expected.to_string(),
        got,
    }
}

fn keep_strongest(strongest: &mut Decisions, more: Decisions) {
    strongest.extend(more);
    let most = strongest.last().map(|decision| decision.answer);
    strongest.retain(|decision| Some(decision.answer) == most);
}

/// A session in its surroundings.
struct Stage<'a> {
    court: Court<'a>,
    session: Session,
    /// What the next event is done by.
    actor: Process,
    /// Secrets that were given other names, with their entries and whether they came from outside of the workspace: the
    /// kernel follows the inode.
    followed: HashMap<String, (u32, bool)>,
}

impl<'a> Stage<'a> {
    fn new(court: Court<'a>, case: &Case) -> Self {
        let setting = &case.setting;
        let id = SessionId(monitor_common::label::session_id(ROOT, BEGAN));
        let mut session = Session::new(id, setting.agent.clone(), "case".to_owned(), BootNanos(BEGAN));
        session.home = Some(setting.home.clone());
        session.workspace = setting.workspace.as_ref().map(PathBuf::from);
        session.incomplete = setting.incomplete;
        let mut stage = Self { court, session, actor: Process::default(), followed: HashMap::new() };
        stage.actor = stage.process(&Actor::Agent);
        stage
    }

    fn play(&mut self, event: &Event) -> Decisions {
        let at = BootNanos(BEGAN.saturating_add(u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX)));
        let mut process =
            event.process.as_ref().map_or_else(|| self.actor.clone(), |actor| self.process(actor));
        if let Act::Exec(program) = &event.act {
            process = self.process(&Actor::Program(program.clone()));
            self.actor = process.clone();
        }
        let parent = event.parent.as_ref().unwrap_or(&Actor::Agent);
        let subjects = self.subjects(&event.act, &process, &self.process(parent));
        let (catalog, session) = (self.court.catalog, &mut self.session);
        let judge = |subject| session.judge(self.court.rules, at, process.clone(), subject);
        let on = |subject: &Subject| catalog.switched_off(subject).is_none();
        subjects.into_iter().filter(on).map(judge).flat_map(|judged| decided(&judged, risk::BUDGET)).collect()
    }

    /// What rules are asked about; empty where the daemon would see nothing.
    fn subjects(&mut self, act: &Act, process: &Process, parent: &Process) -> Vec<Subject> {
        let subject = match act {
            Act::Exec(_) => {
                return recognition::executed(
                    self.court.catalog,
                    process,
                    [Some(parent), None],
                    self.session.grounds(),
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
                let (catalog, path) = (self.court.catalog, self.absolute(path));
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
        };
        subject.into_iter().collect()
    }

    fn secret(&self, path: &str, process: &Process, parent: &Process) -> Option<SecretAccess> {
        let path = self.absolute(path);
        let (known, outside) = match self.followed.get(&path) {
            Some((entry, outside)) => (KnownBy::Inode { entry: *entry }, *outside),
            None => (KnownBy::Name { hint: NO_HINT }, self.is_outside(&path)),
        };
        let reader = Reader {
            grounds: self.session.grounds(),
            moved: &self.session.moved,
            is_root: process.pid == ROOT,
            environment: None,
            executable: Some(&process.executable),
            args: &process.args,
            ancestors: &[parent],
        };
        recognition::secret(self.court.catalog, reader, path, known, outside)
    }

    /// The kernel tags the inode when it sees the secret get another name.
    fn follow(&mut self, secret: &SecretAccess, to: String) {
        let outside =
            self.followed.get(&secret.path).map_or_else(|| self.is_outside(&secret.path), |from| from.1);
        let mut ids = (0_u32..).zip(self.court.catalog.secrets.ids());
        if let Some((entry, _)) = ids.find(|(_, id)| *id == secret.entry) {
            self.followed.insert(to, (entry, outside));
        }
    }

    fn is_outside(&self, path: &str) -> bool {
        recognition::is_outside(self.session.workspace.as_deref(), Path::new(path))
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
        recognition::destination(&self.court.catalog.destinations, &identified, address, port, transport)
    }

    fn process(&self, actor: &Actor) -> Process {
        let (pid, program) = match actor {
            Actor::Program(program) => (CHILD, program.clone()),
            Actor::Agent => {
                let agent = &self.session.agent;
                (ROOT, Program { executable: format!("/usr/bin/{agent}"), args: vec![agent.clone()] })
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
        let base = self.session.workspace.as_deref().unwrap_or(Path::new("/"));
        normalise(&base.join(path).to_string_lossy())
    }

    fn home(&self) -> &str {
        self.session.home.as_deref().unwrap_or_default()
    }
}

/// What is done about it in enforce mode, with every backend in force.
#[must_use]
pub fn decided(judged: &Judged, budget: u32) -> Decisions {
    let decision = |found: &crate::rules::Match| Decision {
        answer: if found.observed_only { Answer::Observe } else { found.action.into() },
        rule: found.rule.id.clone(),
    };
    let mut decisions: Decisions = judged.verdict.matches.iter().map(decision).collect();
    if judged.spends(budget) {
        decisions.insert(Decision { answer: Answer::Freeze, rule: risk::RULE.to_owned() });
    }
    decisions
}
