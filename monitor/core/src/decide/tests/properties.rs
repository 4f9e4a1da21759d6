//! The decider and its model are driven by the same histories, and must agree at each step. What must hold in every history is
//! asserted beside: silence never means yes, a frozen session gets no allowance for what a rule holds, an answer releases what it
//! was given for and nothing else, every waiter gets exactly one answer, nothing goes on without its record, and a restart
//! changes nothing.

mod acts;
mod afterwards;
mod ends;
mod histories;
mod observed;
mod people;
mod restart;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use proptest::prelude::*;

use self::{
    afterwards::Told,
    histories::{Op, op},
    observed::{assert_no_yes, is_end, outcome, records},
};
use super::{
    model::{Answer, Model, Outcome, Question, Reach, Seconds, Waiter},
    *,
};
use crate::{record::Kind, sessions};

const RULES: &str = "version: 1
builtin: replace
rules:
  - {id: infra, summary: s, on: connect, match: {destination: infra, touched: {grade: A, foreign: true}},
     action: hold, timeout: {after: 10m, then: freeze}}
  - {id: key, summary: s, on: open, match: {secret: {class: ssh}}, action: hold, timeout: {after: 10m, then: deny},
     approve: {count: 2}}
  - {id: trap, summary: s, on: probe, match: {secret: {class: ssh}}, action: freeze}
";

static SET: LazyLock<Arc<RuleSet>> =
    LazyLock::new(|| Arc::new(RuleSet::parse(&[("model.yaml".into(), RULES.to_owned())]).unwrap()));

struct Driver {
    decider: Decider,
    model: Model,
    now: Seconds,
    /// The two sessions have met: the kernel remembers it.
    met: bool,
    /// Records that were lost, of both sessions together.
    losses: u64,
    /// What is to be proved cannot be.
    ledger_fails: bool,
    asked: BTreeMap<u64, Waiter>,
    answered: BTreeMap<u64, Answer>,
    gone: BTreeSet<u64>,
    /// What was told of each connection that was let go on.
    let_go: BTreeMap<u64, Told>,
    /// What waited, and whose socket has another connection.
    reconnected: BTreeSet<u64>,
    /// The kernel counts what it is told to count; else that is gone.
    counts: bool,
    uncounted: Vec<u64>,
}

fn id(session: usize) -> SessionId {
    SessionId(session as u64 + 1)
}

fn at(now: Seconds) -> BootNanos {
    BootNanos(0).plus(Duration::from_secs(now))
}

fn begin(next_hold: u64) -> Decider {
    let settings =
        Settings { rules: Arc::clone(&SET), mode: Mode::Enforce, own: Arc::default(), risk_budget: u32::MAX };
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
            met: false,
            losses: 0,
            ledger_fails: false,
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            gone: BTreeSet::new(),
            let_go: BTreeMap::new(),
            reconnected: BTreeSet::new(),
            counts: true,
            uncounted: Vec::new(),
        }
    }

    /// Takes an input in, carries freezes out and records releases, and returns everything that followed.
    fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.decider.step_recorded(at(self.now), input, !self.ledger_fails, &mut effects);
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
        self.answer_counts(&mut effects);
        self.note_told(&effects);
        effects
    }

    fn act(&mut self, session: usize, pid: u32, subject: Subject, pending: Pending) -> Vec<Effect> {
        let process = process(pid, "/bin/p");
        let act = Act { session: id(session), process, at: at(self.now), subject, pending, pack_off: None };
        self.step(Input::Act(Box::new(act)))
    }

    fn play(&mut self, op: &Op) {
        match *op {
            Op::Touch(session) if self.model.is_alive(session) => self.touch(session),
            Op::Lost(session) if self.model.is_alive(session) => self.lost(session),
            Op::Meet => self.meet(),
            Op::LedgerFails(fails) => {
                self.ledger_fails = fails;
                self.model.ledger_fails = fails;
            }
            Op::Ask { session, question, pid } if self.model.is_alive(session) => {
                self.ask(session, question, pid)
            }
            Op::Trip(session) if self.model.is_alive(session) => self.trip(session),
            Op::Show(place) => self.show(place),
            Op::Approve { place, person, reach } => self.approve(place, person, reach),
            Op::Revoke(hold) => self.revoke(hold),
            Op::Deny { place, person } => self.deny(place, person),
            Op::FreezeBy(session) if self.model.is_alive(session) => self.freeze_by(session),
            Op::Thaw(session) if self.model.is_alive(session) => self.thaw(session),
            Op::Suspend { session, span } if self.model.is_alive(session) => self.suspend(session, span),
            Op::Resume(session) if self.model.is_alive(session) => self.resume(session),
            Op::Sent { place, more } => self.sent(place, more),
            Op::LetGoEnds { place, seen } => self.let_go_ends(place, seen),
            Op::Reconnects(place) => self.reconnects(place),
            Op::HeldReconnects(place) => self.held_reconnects(place),
            Op::Counts(counts) => self.counts = counts,
            Op::Close(place) => self.close(place),
            Op::CallerEnds(pid) => self.caller_ends(pid),
            Op::AsksAgain(place) => self.asks_again(place),
            Op::End(session) if self.model.is_alive(session) => self.end(session),
            Op::Later(span) => self.later(span),
            Op::Restart => self.restart(),
            Op::Ends => self.daemon_ends(),
            _ => {} // of a session that is over
        }
    }

    /// Number of the hold at a place, if any waits.
    fn hold(&self, place: usize) -> Option<u64> {
        let waiting: Vec<u64> = self.decider.holds().waiting().map(|hold| hold.number).collect();
        waiting.get(place % waiting.len().max(1)).copied()
    }

    fn waiting(&self) -> Vec<Waiter> {
        self.model.holds.values().flat_map(|hold| hold.waiters.iter().copied()).collect()
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
        for number in std::mem::take(&mut self.uncounted) {
            self.model.let_go.remove(&number);
        }
        self.check_let_go();
        let waiting: BTreeSet<u64> = holds.into_values().flatten().collect();
        self.gone.extend(self.reconnected.difference(&waiting)); // its question is answered, and it was not
        let done: BTreeSet<u64> = self.answered.keys().copied().chain(self.gone.iter().copied()).collect();
        assert!(waiting.is_disjoint(&done));
        assert_eq!(waiting.len() + done.len(), self.asked.len(), "somebody was forgotten");
        for session in (0..2).filter(|session| self.model.is_alive(*session)) {
            let known = self.decider.sessions.get(id(session)).unwrap();
            assert_eq!(known.is_frozen(), self.model.is_frozen(session));
            assert_eq!(known.suspension().is_some(), self.model.is_suspended(session));
            assert!(!(known.is_frozen() && known.suspension().is_some()), "suspended and frozen");
        }
    }
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
