//! The decider and its model are driven by the same histories, and must agree at each step. What must hold in every history is
//! asserted beside: silence never means yes, a frozen session gets no allowance for what a rule holds, an answer releases what it
//! was given for and nothing else, every waiter gets exactly one answer, nothing goes on without its record, and a restart
//! changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use proptest::prelude::*;

use super::model::{Answer, Model, Outcome, Question, Seconds, Stopped, Waiter};
use crate::{
    breaker::Breaker,
    decide::{Act, Approval, Decider, Effect, Input, Pending, Report, Settings, Stop, Waiting},
    facts::{
        Action, BootNanos, Destination, DestinationClass, Grade, HoldState, Mode, Process, SecretAccess,
        SessionId, Subject, Transport,
    },
    holds::{Grant, HeldCaller, HeldFlow, Hold},
    record::{Kind, Who},
    rules::RuleSet,
    sessions::{self, Session},
};

const RULES: &str = "version: 1
rules:
  - {id: infra, summary: s, on: connect, match: {destination: infra, touched: {grade: A, foreign: true}},
     action: hold, timeout: {after: 10m, then: freeze}}
  - {id: key, summary: s, on: open, match: {secret: {class: ssh}}, action: hold, timeout: {after: 10m, then: deny}}
  - {id: trap, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}
";

static SET: LazyLock<Arc<RuleSet>> =
    LazyLock::new(|| Arc::new(RuleSet::parse(&[("model.yaml".into(), RULES.to_owned())]).unwrap()));

#[derive(Clone, Debug)]
enum Op {
    Touch(usize),
    Lost(usize),
    Ask {
        session: usize,
        question: Question,
        pid: u32,
    },
    Trip(usize),
    /// Of the holds that wait, in their order.
    Show(usize),
    Approve {
        place: usize,
        person: u32,
        reach: Option<Seconds>,
    },
    Deny {
        place: usize,
        person: u32,
    },
    FreezeBy(usize),
    Thaw(usize),
    /// Of everything that waits.
    Close(usize),
    CallerEnds(u32),
    AsksAgain(usize),
    End(usize),
    Later(Seconds),
    Restart,
    /// The daemon ends without pins, and another one begins.
    Ends,
}

fn op() -> impl Strategy<Value = Op> {
    let (session, place, person) = (0..2_usize, 0..4_usize, 1..3_u32);
    let question = prop_oneof![(0..2_u8).prop_map(Question::Host), Just(Question::Key)];
    let reach = prop_oneof![Just(None), Just(Some(60)), Just(Some(4000))];
    let span = prop_oneof![Just(0_u64), Just(1), Just(59), Just(600), Just(601), Just(1800), Just(100_000)];
    prop_oneof![
        2 => session.clone().prop_map(Op::Touch),
        1 => session.clone().prop_map(Op::Lost),
        8 => (session.clone(), question, 10..13_u32)
            .prop_map(|(session, question, pid)| Op::Ask { session, question, pid }),
        1 => session.clone().prop_map(Op::Trip),
        2 => place.clone().prop_map(Op::Show),
        4 => (place.clone(), person.clone(), reach)
            .prop_map(|(place, person, reach)| Op::Approve { place, person, reach }),
        2 => (place.clone(), person).prop_map(|(place, person)| Op::Deny { place, person }),
        1 => session.clone().prop_map(Op::FreezeBy),
        2 => session.clone().prop_map(Op::Thaw),
        1 => place.clone().prop_map(Op::Close),
        1 => (10..13_u32).prop_map(Op::CallerEnds),
        1 => place.prop_map(Op::AsksAgain),
        1 => session.prop_map(Op::End),
        4 => span.prop_map(Op::Later),
        1 => Just(Op::Restart),
        1 => Just(Op::Ends),
    ]
}

/// What an earlier daemon wrote down, as text.
fn saved(decider: &Decider) -> String {
    let holds: Vec<&Hold> = decider.holds().waiting().collect();
    let breakers: Vec<(u64, &Breaker)> =
        decider.sessions.iter().map(|session| (session.id.0, session.breaker())).collect();
    serde_json::to_string(&(decider.holds().next_number(), holds, decider.holds().grants(), breakers))
        .unwrap()
}

struct Driver {
    decider: Decider,
    model: Model,
    now: Seconds,
    asked: BTreeMap<u64, Waiter>,
    answered: BTreeMap<u64, Answer>,
    gone: BTreeSet<u64>,
}

fn id(session: usize) -> SessionId {
    SessionId(session as u64 + 1)
}

fn at(now: Seconds) -> BootNanos {
    BootNanos(0).plus(Duration::from_secs(now))
}

fn secret(class: &str, foreign: bool) -> SecretAccess {
    let path = format!("/secret/{class}");
    let (entry, class, grade) = (class.to_owned(), class.to_owned(), Grade::A);
    SecretAccess { path, entry, class, grade, foreign, owner: false, copy: false, habit: None }
}

fn destination(host: u8) -> Destination {
    Destination {
        address: [192, 0, 2, host].into(),
        port: 443,
        transport: Transport::Tcp,
        name: Some(format!("api{host}.example")),
        named_by: None,
        class: DestinationClass::Infra,
        also: None,
        provider: None,
        anybodys: false,
    }
}

fn begin(next_hold: u64) -> Decider {
    let settings = Settings { rules: Arc::clone(&SET), mode: Mode::Enforce, risk_budget: u32::MAX };
    Decider::new(settings, next_hold)
}

impl Driver {
    fn new() -> Self {
        let mut decider = begin(1);
        for session in 0..2 {
            decider.sessions.insert(Session::new(id(session), "x".into(), "test".into(), at(0)));
        }
        Self {
            decider,
            model: Model::new(),
            now: 0,
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Takes an input in, carries freezes out, and returns everything that followed.
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.decider.step(at(self.now), input, &mut effects);
        let freezes = effects.iter().filter_map(|effect| match effect {
            Effect::Freeze(stop) => Some(stop.session),
            _ => None,
        });
        for session in freezes.collect::<Vec<_>>() {
            let outcome = sessions::Outcome::default();
            let mut more = Vec::new();
            self.decider.step(at(self.now), Input::Stopped { session, outcome }, &mut more);
            assert!(more.iter().all(|effect| matches!(effect, Effect::Save)), "{more:?}");
        }
        effects
    }

    fn act(&mut self, session: usize, pid: u32, subject: Subject, pending: Pending) -> Vec<Effect> {
        let args = [format!("p{pid}")].into();
        let process = Process { pid, executable: "/bin/p".into(), args, ..Process::default() };
        let act = Act { session: id(session), process, at: at(self.now), subject, pending, pack_off: None };
        self.step(Input::Act(Box::new(act)))
    }

    fn ask(&mut self, session: usize, question: Question, pid: u32) {
        let waiter = Waiter { number: self.asked.len() as u64 + 1, pid };
        self.asked.insert(waiter.number, waiter);
        let was_frozen = self.model.is_frozen(session);
        let before = self.decider.holds().waiting().count();
        let effects = match question {
            Question::Host(host) => {
                let flow =
                    HeldFlow { cookie: waiter.number, generation: 1, opener: pid, ..HeldFlow::default() };
                let pending = Pending::Flow { flow, unseen: false };
                self.act(session, pid, Subject::Connect(destination(host)), pending)
            }
            Question::Key => {
                let caller = HeldCaller { pid, ino: waiter.number, more: 0, dev: 0, subject: 0 };
                self.act(session, pid, Subject::Open(secret("ssh", false)), Pending::Caller(caller))
            }
        };
        let rules_hold = effects.iter().any(
            |effect| matches!(effect, Effect::Judged(decision) if decision.verdict.action == Action::Hold),
        );
        let allowed = outcome(&effects).answers.contains(&(Answer::Allow, waiter));
        if rules_hold && allowed {
            assert!(!was_frozen, "a frozen session gets no allowance");
            assert!(records(&effects).contains(&Kind::Release), "it goes on without a record");
        }
        if self.decider.holds().waiting().count() > before {
            assert!(records(&effects).contains(&Kind::Hold), "it waits without a record");
            let is_account = |effect: &Effect| matches!(effect, Effect::KeepAccount { .. });
            assert!(effects.iter().any(is_account), "the next daemon could not explain it");
        }
        let expected = self.model.ask(self.now, session, question, waiter);
        self.check(&effects, &expected);
    }

    /// Number of the hold at a place, if any waits.
    fn hold(&self, place: usize) -> Option<u64> {
        let waiting: Vec<u64> = self.decider.holds().waiting().map(|hold| hold.number).collect();
        waiting.get(place % waiting.len().max(1)).copied()
    }

    fn waiting(&self) -> Vec<Waiter> {
        self.model.holds.values().flat_map(|hold| hold.waiters.iter().copied()).collect()
    }

    fn play(&mut self, op: &Op) {
        match *op {
            Op::Touch(session) if self.model.is_alive(session) => {
                let subject = Subject::Open(secret("cloud", true));
                let effects = self.act(session, 10, subject, Pending::None);
                self.model.touch(session);
                self.check(&effects, &Outcome::default());
            }
            Op::Lost(session) if self.model.is_alive(session) => {
                self.decider.sessions.get_mut(id(session)).unwrap().incomplete = true;
                self.model.touch(session); // it counts as met
            }
            Op::Ask { session, question, pid } if self.model.is_alive(session) => {
                self.ask(session, question, pid)
            }
            Op::Trip(session) if self.model.is_alive(session) => {
                let subject = Subject::Probe(secret("ssh", false));
                let effects = self.act(session, 10, subject, Pending::None);
                let expected = self.model.trip(self.now, session);
                self.check(&effects, &expected);
            }
            Op::Show(place) => {
                if let Some(hold) = self.hold(place) {
                    let effects = self.step(Input::Shown { hold });
                    self.model.show(hold);
                    self.check(&effects, &Outcome::default());
                }
            }
            Op::Approve { place, person, reach } => self.approve(place, person, reach),
            Op::Deny { place, person } => {
                if let Some(hold) = self.hold(place) {
                    let who = Who::Caller { uid: person, pid: 1 };
                    let effects = self.step(Input::Denied { hold, who });
                    assert!(records(&effects).contains(&Kind::Deny), "{effects:?}");
                    let expected = self.model.deny(self.now, hold);
                    self.check(&effects, &expected);
                    self.check_decided_once(hold);
                }
            }
            Op::FreezeBy(session) if self.model.is_alive(session) => {
                let who = Who::Caller { uid: 1, pid: 1 };
                let effects = self.step(Input::FreezeAsked { session: id(session), who });
                let expected = self.model.freeze_by(self.now, session);
                self.check(&effects, &expected);
            }
            Op::Thaw(session) if self.model.is_alive(session) => {
                let who = Who::Caller { uid: 1, pid: 1 };
                let effects = self.step(Input::Thawed { session: id(session), who });
                let expected = self.model.thaw(self.now, session);
                self.check(&effects, &expected);
            }
            Op::Close(place) => {
                let waiting = self.waiting();
                if let Some(waiter) = waiting.get(place % waiting.len().max(1)).copied() {
                    self.leave(Input::FlowClosed { cookie: waiter.number }, &|other, is_flow| {
                        is_flow && other.number == waiter.number
                    });
                }
            }
            Op::CallerEnds(pid) => {
                self.leave(Input::CallerEnded { pid }, &|other, is_flow| !is_flow && other.pid == pid)
            }
            Op::AsksAgain(place) => {
                let waiting = self.waiting();
                if let Some(waiter) = waiting.get(place % waiting.len().max(1)) {
                    let flow = HeldFlow { cookie: waiter.number, generation: 9, ..HeldFlow::default() };
                    let waits = self.decider.is_asked(&flow);
                    let effects = self.step(Input::AsksAgain(flow));
                    let flows = self.decider.holds().waiting().flat_map(|hold| &hold.flows);
                    let raised =
                        flows.filter(|held| held.cookie == flow.cookie).all(|held| held.generation == 9);
                    assert!(raised || !waits);
                    self.check(&effects, &Outcome::default());
                }
            }
            Op::End(session) if self.model.is_alive(session) => {
                let effects = self.step(Input::Ending(id(session)));
                self.check_gone(&effects);
                self.step(Input::Over(id(session)));
                let gone = self.model.holds.values().filter(|hold| hold.session == session);
                self.gone.extend(gone.flat_map(|hold| &hold.waiters).map(|waiter| waiter.number));
                self.model.end(session);
                self.check(&[], &Outcome::default());
            }
            Op::Later(span) => {
                self.now += span;
                let effects = self.step(Input::Tick);
                let expected = self.model.tick(self.now);
                let expired = effects.iter().filter(|effect| is_end(effect, HoldState::Expired)).count();
                assert_eq!(records(&effects).iter().filter(|kind| **kind == Kind::Expire).count(), expired);
                assert_no_yes(&effects);
                self.check(&effects, &expected);
            }
            Op::Restart => self.restart(),
            Op::Ends => {
                let effects = self.step(Input::Ends { why: "the daemon ended".into() });
                assert_no_yes(&effects);
                let expected = self.model.deny_all();
                self.check(&effects, &expected);
                self.restart();
            }
            _ => {} // of a session that is over
        }
    }

    fn approve(&mut self, place: usize, person: u32, reach: Option<Seconds>) {
        let Some(hold) = self.hold(place) else { return };
        let span = reach.map(Duration::from_secs);
        let may = self.decider.may_approve(hold, span).is_ok();
        assert_eq!(may, self.model.may_approve(hold));
        let waited: BTreeSet<Waiter> = self.model.holds[&hold].waiters.iter().copied().collect();
        let who = Who::Caller { uid: person, pid: 1 };
        let effects = self.step(Input::Approved(Approval { hold, who, reach: span }));
        let allowed: BTreeSet<Waiter> =
            outcome(&effects).answers.into_iter().map(|(_, waiter)| waiter).collect();
        assert_eq!(
            allowed,
            if may { waited } else { BTreeSet::new() },
            "what it was given for, and nothing else"
        );
        let expected = self.model.approve(self.now, hold, reach);
        self.check(&effects, &expected);
        if may {
            self.check_decided_once(hold);
        }
    }

    /// Two people decide at once: the second one comes too late, whatever that one says.
    fn check_decided_once(&mut self, hold: u64) {
        let who = Who::Caller { uid: 9, pid: 1 };
        let approval = Approval { hold, who: who.clone(), reach: None };
        for late in [Input::Approved(approval), Input::Denied { hold, who }] {
            assert!(self.step(late).is_empty());
        }
    }

    fn leave(&mut self, input: Input, gone: &dyn Fn(&Waiter, bool) -> bool) {
        let effects = self.step(input);
        self.check_gone(&effects);
        let flows: BTreeSet<u64> = self
            .model
            .holds
            .values()
            .filter(|hold| matches!(hold.question, Question::Host(_)))
            .flat_map(|hold| hold.waiters.iter().map(|waiter| waiter.number))
            .collect();
        let is_gone = |waiter: &Waiter| gone(waiter, flows.contains(&waiter.number));
        let left = self.waiting().into_iter().filter(|waiter| is_gone(waiter));
        self.gone.extend(left.map(|waiter| waiter.number));
        self.model.leave(is_gone);
        self.check(&effects, &Outcome::default());
    }

    fn check_gone(&self, effects: &[Effect]) {
        let told = |effect: &Effect| matches!(effect, Effect::Save) || is_end(effect, HoldState::Gone);
        assert!(effects.iter().all(told), "{effects:?}");
    }

    /// A new daemon goes on with what was written down, and with what the kernel still knows: who is frozen, and whose
    /// connections ask.
    fn restart(&mut self) {
        type Saved = (u64, Vec<Hold>, Vec<Grant>, Vec<(u64, Breaker)>);
        let (next, holds, grants, mut breakers): Saved = serde_json::from_str(&saved(&self.decider)).unwrap();
        let mut decider = begin(next);
        for old in self.decider.sessions.iter() {
            let mut session = Session::new(old.id, "x".into(), "test".into(), old.started);
            let place = breakers.iter().position(|(known, ..)| *known == old.id.0).unwrap();
            let (_, breaker) = breakers.swap_remove(place);
            session.resume(breaker);
            session.incomplete = old.incomplete || old.gated;
            if old.is_frozen() {
                session.found_frozen();
            }
            decider.sessions.insert(session);
        }
        self.decider = decider;
        for session in 0..2 {
            if self.model.is_frozen(session) && self.model.is_alive(session) {
                let outcome = sessions::Outcome::default();
                self.step(Input::Stopped { session: id(session), outcome });
            }
        }
        self.model.frozen_again(self.now);
        let mut effects = self.step(Input::RestoredGrants(grants));
        for hold in holds {
            effects.extend(self.step(Input::Restored(Box::new(hold))));
        }
        assert_no_yes(&effects);
        self.check(&effects, &Outcome::default());
    }

    fn check(&mut self, effects: &[Effect], expected: &Outcome) {
        let found = outcome(effects);
        assert_eq!(found, *expected, "{effects:#?}");
        for (answer, waiter) in &found.answers {
            assert_eq!(self.asked.get(&waiter.number), Some(waiter), "nobody asked that");
            assert!(!self.gone.contains(&waiter.number), "nobody waits for that any more");
            assert_eq!(self.answered.insert(waiter.number, *answer), None, "answered twice: {waiter:?}");
        }
        let holds: BTreeMap<u64, BTreeSet<u64>> = self
            .decider
            .holds()
            .waiting()
            .map(|hold| {
                let callers = hold.callers.iter().map(|caller| caller.ino);
                (hold.number, hold.flows.iter().map(|flow| flow.cookie).chain(callers).collect())
            })
            .collect();
        let modelled = self
            .model
            .holds
            .iter()
            .map(|(number, hold)| (*number, hold.waiters.iter().map(|waiter| waiter.number).collect()));
        assert_eq!(holds, modelled.collect::<BTreeMap<u64, BTreeSet<u64>>>());
        let waiting: BTreeSet<u64> = holds.into_values().flatten().collect();
        let done: BTreeSet<u64> = self.answered.keys().copied().chain(self.gone.iter().copied()).collect();
        assert!(waiting.is_disjoint(&done));
        assert_eq!(waiting.len() + done.len(), self.asked.len(), "somebody was forgotten");
        for session in (0..2).filter(|session| self.model.is_alive(*session)) {
            let known = self.decider.sessions.get(id(session)).unwrap();
            assert_eq!(known.is_frozen(), self.model.is_frozen(session));
        }
    }
}

fn outcome(effects: &[Effect]) -> Outcome {
    let mut out = Outcome::default();
    let waiter = |waiter: &crate::decide::Waiter| match waiter.what {
        Waiting::Flow(flow) => Waiter { number: flow.cookie, pid: flow.opener },
        Waiting::Caller(caller) => Waiter { number: caller.ino, pid: caller.pid },
    };
    let place = |session: SessionId| usize::try_from(session.0 - 1).unwrap();
    for effect in effects {
        let is_new = match effect {
            Effect::Allow(found) => out.answers.insert((Answer::Allow, waiter(found))),
            Effect::Refuse(found) | Effect::Drop(found) => {
                out.answers.insert((Answer::Refuse, waiter(found)))
            }
            Effect::Freeze(Stop { session, .. }) => out.stopped.insert((place(*session), Stopped::Freeze)),
            Effect::Kill(Stop { session, .. }) => {
                out.stopped.insert((place(*session), Stopped::Kill));
                true
            }
            Effect::Thaw { session, .. } => out.thawed.insert(place(*session)),
            _ => true,
        };
        assert!(is_new, "twice in one step: {effect:?}");
    }
    out
}

fn records(effects: &[Effect]) -> Vec<Kind> {
    let kind = |effect: &Effect| match effect {
        Effect::Record(entry) => Some(entry.kind),
        _ => None,
    };
    effects.iter().filter_map(kind).collect()
}

fn is_end(effect: &Effect, state: HoldState) -> bool {
    matches!(effect, Effect::Report(Report::Hold { hold, .. }) if hold.state == state)
}

fn assert_no_yes(effects: &[Effect]) {
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Allow(_))), "{effects:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_decider_does_what_the_model_says(ops in prop::collection::vec(op(), 1..60)) {
        let mut driver = Driver::new();
        for op in &ops {
            driver.play(op);
        }
    }
}
