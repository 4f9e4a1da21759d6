//! Plays a case: what the daemon would see becomes what it would decide.

use std::{path::PathBuf, sync::Arc, time::Duration};

use self::subjects::{BEGAN, Followed, ROOT, Surroundings};
use super::{
    case::{Act, Actor, Answer, Case, Decisions, Event, Expected, Reply, describe},
    decided::{decisions, stop},
    miss::Miss,
};
use crate::{
    breaker::risk,
    catalog::Catalog,
    decide::{self, Decider, Denial, Effect, Input, Pending, Settings},
    facts::{BootNanos, Container, InPod, Mode, Pod, Process, SessionId, Subject},
    holds::{HeldCaller, HeldFlow},
    record::Who,
    rules::RuleSet,
    sessions::Session,
};

mod people;
mod subjects;

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
        let mut run = Run::new(*self, case);
        let (mut strongest, mut misses) = (Decisions::new(), Vec::new());
        for event in &case.events {
            let decisions = match run.play(event) {
                Ok(decisions) => decisions,
                Err(why) => {
                    // What people do must be possible, whether or not something is expected of it.
                    let possible = matches!(event.act, Act::Answer { .. }).then_some(&Expected::Unstopped);
                    let expected = event.expect.as_ref().or(possible);
                    misses.extend(
                        expected.map(|expected| Miss::of(case, event.line, &event.text, expected, why)),
                    );
                    continue;
                }
            };
            if let Some(expected) = event.expect.as_ref().filter(|expected| !expected.is_met(&decisions)) {
                misses.push(Miss::of(case, event.line, &event.text, expected, describe(&decisions)));
            }
            keep_strongest(&mut strongest, decisions);
        }
        if let Some(expected) = case.expect.as_ref().filter(|expected| !expected.is_met(&strongest)) {
            misses.push(Miss::of(case, case.line, "the whole session", expected, describe(&strongest)));
        }
        CaseResult { strongest, misses }
    }
}

/// As the daemon would find it: a container whose pod is known, or is not.
fn in_pod(pod: &InPod) -> (Option<Container>, Option<Arc<Pod>>) {
    let container = |uid| Container { id: String::new(), runtime: None, pod: Some(uid) };
    match pod {
        InPod::Outside => (None, None),
        InPod::Unknown => (Some(container(String::new())), None),
        InPod::Known(pod) => (Some(container(pod.uid.clone())), Some(Arc::clone(pod))),
    }
}

fn keep_strongest(strongest: &mut Decisions, more: Decisions) {
    strongest.extend(more);
    let most = strongest.last().map(|decision| decision.answer);
    strongest.retain(|decision| Some(decision.answer) == most);
}

/// A case that is played: the session, and what people and the kernel know of it.
struct Run<'a> {
    runner: Runner<'a>,
    decider: Decider,
    id: SessionId,
    home: String,
    /// What the next event is done by.
    actor: Process,
    followed: Followed,
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

impl<'a> Run<'a> {
    fn new(runner: Runner<'a>, case: &Case) -> Self {
        let setting = &case.setting;
        let id = SessionId(monitor_common::label::session_id(ROOT, BEGAN));
        let mut session = Session::new(id, setting.agent.clone(), "case".to_owned(), BootNanos(BEGAN));
        session.home = Some(setting.home.clone());
        session.workspace = setting.workspace.as_ref().map(PathBuf::from);
        session.incomplete = setting.incomplete;
        (session.container, session.pod) = in_pod(&setting.pod);
        let rules = Arc::clone(runner.rules);
        let settings =
            Settings { rules, mode: Mode::Enforce, own: Arc::default(), risk_budget: risk::BUDGET };
        let mut run = Self {
            runner,
            decider: Decider::new(settings, 1),
            id,
            home: setting.home.clone(),
            actor: Process::default(),
            followed: Followed::new(),
            waited: Duration::ZERO,
            last: 0,
            stopped: None,
        };
        run.decider.sessions.insert(session);
        run.actor = run.surroundings().process(&Actor::Agent, &setting.agent);
        run
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
            self.stopped = Some(Stopped { rule, text: format!("{by} at {}", event.text), killed });
        }
        Ok(decisions)
    }

    fn act(&mut self, act: &Act, event: &Event, at: BootNanos) -> Result<Vec<Effect>, String> {
        if let Some(stopped) = &self.stopped {
            return Err(format!("nothing runs any more: {}", stopped.text));
        }
        let agent = self.session().map(|session| session.agent.clone()).unwrap_or_default();
        let process = match (act, &event.process) {
            (Act::Exec(program), _) => self.surroundings().process(&Actor::Program(program.clone()), &agent),
            (_, Some(actor)) => self.surroundings().process(actor, &agent),
            (_, None) => self.actor.clone(),
        };
        if matches!(act, Act::Exec(_)) {
            self.actor = process.clone();
        }
        let parent = event.parent.as_ref().unwrap_or(&Actor::Agent);
        let parent = self.surroundings().process(parent, &agent);
        let subjects = self.surroundings().subjects(act, &process, &parent);
        let mut effects = Vec::new();
        for subject in subjects {
            let pending = self.pending(&subject, process.pid);
            let pack_off = self.runner.catalog.switched_off(&subject).map(str::to_owned);
            let act =
                decide::Act { session: self.id, process: process.clone(), at, subject, pending, pack_off };
            // What an earlier answer lets go on is recorded: there is no ledger that could fail.
            self.decider.step_recorded(at, Input::Act(Box::new(act)), true, &mut effects);
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
        let who = Who::caller(0, 0);
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
                self.decider.step(at, Input::Denied(Denial::of(hold, who)), &mut effects);
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
                let approvals = self.decider.holds().get(hold).map(people::approvals).unwrap_or_default();
                for approval in approvals {
                    self.decider.step(at, Input::Approved(approval), &mut effects);
                }
            }
        }
        Ok(effects)
    }

    fn session(&self) -> Option<&Session> {
        self.decider.sessions.get(self.id)
    }

    fn surroundings(&mut self) -> Surroundings<'_> {
        Surroundings {
            catalog: self.runner.catalog,
            session: self.decider.sessions.get(self.id),
            home: &self.home,
            followed: &mut self.followed,
        }
    }
}
