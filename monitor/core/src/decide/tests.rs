//! The decision by examples, and by random histories beside its model.

use std::{sync::Arc, time::Duration};

use monitor_common::policy::InodeKey;

use super::*;
use crate::{
    facts::{
        Action, BootNanos, Destination, DestinationClass, Grade, HoldState, Lifecycle, Mode, Process,
        SecretAccess, SessionId, Subject, Transport,
    },
    holds::{HeldCaller, HeldFlow, extent::Extent},
    record::Who,
    rules::RuleSet,
    sessions::{Outcome, Session},
};

mod approving;
mod doubt;
mod ends;
mod holding;
mod judging;
mod let_go;
mod meeting;
mod model;
mod properties;
mod stopping;
mod suspending;

const SESSION: SessionId = SessionId(1);
const INODE: InodeKey = InodeKey { ino: 7, dev: 8, space: 0 };
const PERSON: Who = Who::Caller { uid: 7, pid: 70, from: None };

/// A decider with one session, and what followed from its last input.
struct Bench {
    decider: Decider,
    effects: Vec<Effect>,
    now: u64,
    ledger_fails: bool,
}

impl Bench {
    /// The rules are those lines, one each.
    fn new(rules: &[&str]) -> Self {
        let lines: String = rules.iter().map(|rule| format!("  - {rule}\n")).collect();
        let text = format!("version: 1\nbuiltin: replace\nrules:\n{lines}");
        let rules =
            RuleSet::parse(&[("test.yaml".into(), text)]).unwrap_or_else(|problems| panic!("{problems}"));
        let settings =
            Settings { rules: Arc::new(rules), mode: Mode::Enforce, own: Arc::default(), risk_budget: 100 };
        let mut decider = Decider::new(settings, 1);
        decider.sessions.insert(Session::new(SESSION, "x".into(), "test".into(), BootNanos(0)));
        Self { decider, effects: Vec::new(), now: 1, ledger_fails: false }
    }

    fn observing(mut self) -> Self {
        self.decider.settings.mode = Mode::Observe;
        self
    }

    fn session(&mut self) -> &mut Session {
        self.decider.sessions.get_mut(SESSION).unwrap()
    }

    fn step(&mut self, input: Input) -> &[Effect] {
        self.effects.clear();
        self.decider.step_recorded(BootNanos(self.now), input, !self.ledger_fails, &mut self.effects);
        self.now += 1;
        &self.effects
    }

    fn act(&mut self, subject: Subject, pending: Pending) -> &[Effect] {
        self.act_of(process(10, "/bin/p"), subject, pending)
    }

    fn act_of(&mut self, process: Process, subject: Subject, pending: Pending) -> &[Effect] {
        let at = BootNanos(self.now);
        let act = Act { session: SESSION, process, at, subject, pending, pack_off: None };
        self.step(Input::Act(Box::new(act)))
    }

    /// A connection to a host, whose data waits.
    fn connect(&mut self, cookie: u64, host: &str) -> &[Effect] {
        self.act(Subject::Connect(to(host)), flow(cookie))
    }

    /// What followed, in a word each, without what is only to be saved or counted.
    fn effects_in_words(&self) -> Vec<String> {
        let silent = |effect: &Effect| matches!(effect, Effect::Save | Effect::Count(_));
        self.effects.iter().filter(|effect| !silent(effect)).map(in_words).collect()
    }
}

fn in_words(effect: &Effect) -> String {
    let what = |waiter: &Waiter| match waiter.what {
        Waiting::Flow(flow) => format!("flow {}", flow.cookie),
        Waiting::Caller(caller) => format!("caller {}", caller.pid),
    };
    match effect {
        Effect::Judged(decision) => format!("judged {:?}", decision.verdict.action).to_lowercase(),
        Effect::TooLate { kind } => format!("too late {kind:?}").to_lowercase(),
        Effect::Allow(waiter) => format!("allow {}", what(waiter)),
        Effect::Release(release) => {
            format!("record {:?} by {}", release.entry.kind, release.entry.who.text()).to_lowercase()
        }
        Effect::Count(flow) => format!("count flow {}", flow.cookie),
        Effect::CountNoMore(key) => format!("count flow {} no more", key.cookie),
        Effect::Refuse(waiter) => format!("refuse {}", what(waiter)),
        Effect::Drop(waiter) => format!("drop {}", what(waiter)),
        Effect::KeepHeld { cookie, .. } => format!("keep held {cookie}"),
        Effect::Gate(_) => "gate".to_owned(),
        Effect::Freeze(stop) => format!("freeze by {}: {}", stop.who.text(), stop.why),
        Effect::Kill(stop) => format!("kill by {}: {}", stop.who.text(), stop.why),
        Effect::Thaw { stood, .. } => format!("thaw, {} stand on", stood.len()),
        Effect::Record(entry) => format!("record {:?} by {}", entry.kind, entry.who.text()).to_lowercase(),
        Effect::Report(Report::Act { name, action, .. }) => {
            format!("report {name} {action:?}").to_lowercase()
        }
        Effect::Report(Report::PassedOver { pack, .. }) => format!("report passed over {pack}"),
        Effect::Report(Report::Hold { name, hold, .. }) => {
            format!("report {name} {} {:?}", hold.id(), hold.state).to_lowercase()
        }
        Effect::Report(Report::LetGo { name, flow, .. }) => format!("report {name} {} bytes", flow.bytes),
        Effect::Report(Report::TouchShared { session, paths, .. }) => {
            format!("report session {} shares {}", session.0, paths.join(" "))
        }
        Effect::Report(Report::Incomplete { session, .. }) => format!("report session {} lacks", session.0),
        Effect::Report(Report::Lost { session, records, .. }) => {
            format!("report session {} lost {records}", session.0)
        }
        Effect::Report(Report::Session { name, session, .. }) => format!("report {name} {}", session.0),
        Effect::Report(Report::WouldFreeze { rule, .. }) => format!("report would-freeze {rule}"),
        Effect::PassOn(_) => "pass on".to_owned(),
        Effect::TakeBack(session) => format!("session {} answers taken back", session.0),
        Effect::AskAgain(session) => format!("session {} asks again", session.0),
        Effect::KeepAccount { hold } => format!("account h{hold}"),
        Effect::Waited { span, .. } => format!("waited {} ns", span.as_nanos()),
        Effect::Report(Report::Suspension { change, suspension, .. }) => {
            format!("report {change} {}", suspension.text())
        }
        Effect::Save => "save".to_owned(),
    }
}

fn process(pid: u32, executable: &str) -> Process {
    let args = [executable.to_owned(), pid.to_string()].into();
    Process { pid, executable: executable.to_owned(), args, ..Process::default() }
}

fn to(host: &str) -> Destination {
    Destination {
        address: [192, 0, 2, 1].into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some(host.to_owned()),
        named_by: None,
        class: DestinationClass::Infra,
        also: None,
        provider: None,
        anybodys: false,
    }
}

fn secret(class: &str, foreign: bool) -> SecretAccess {
    let path = format!("/secret/{class}");
    let (entry, class, grade) = (class.to_owned(), class.to_owned(), Grade::A);
    SecretAccess { path, entry, class, grade, foreign, owner: false, copy: false, habit: None }
}

fn flow(cookie: u64) -> Pending {
    Pending::Flow { flow: HeldFlow { cookie, generation: 1, ..HeldFlow::default() }, unseen: false }
}

fn caller(pid: u32) -> Pending {
    Pending::Caller(HeldCaller { pid, ino: 1, more: 0, dev: 0, subject: 0 })
}

/// A plain yes.
fn yes(hold: u64) -> Approval {
    Approval::of(hold, PERSON)
}

/// A hold that stops a program before its handshake.
const EARLY: &str =
    "{id: r, summary: why, on: connect, before: handshake, match: {destination: infra}, action: hold}";

const HOLD: &str = "{id: r, summary: why, on: connect, match: {destination: infra}, action: hold, risk: 20, timeout: {after: 10m, then: freeze}}";
