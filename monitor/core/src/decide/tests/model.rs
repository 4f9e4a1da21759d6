//! The model of `docs/decide.md`: the same decision in its smallest form, without facts, rules or texts.

use std::collections::{BTreeMap, BTreeSet};

/// Time in seconds since the first session began.
pub type Seconds = u64;

/// How long a rule's hold waits, and how long after a denial or a thaw the quiet time lasts.
pub const TIMEOUT: Seconds = 600;
pub const QUIET: Seconds = 1800;

/// What waits: its number, and the process that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiter {
    pub number: u64,
    pub pid: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    Allow,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stopped {
    Freeze,
    Kill,
}

/// What is asked: each rule holds one kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// A connection to one of two hosts; silence freezes.
    Host(u8),
    /// A key that is opened; silence denies, and two persons approve, neither of whom is the owner.
    Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    Closed,
    Open,
    Probation { since: Seconds, tripped: bool },
    Killed,
}

#[derive(Clone, Debug)]
struct Session {
    breaker: Breaker,
    frozen: bool,
    /// When it was frozen: what was asked before was under way.
    frozen_at: Seconds,
    touched: bool,
    alive: bool,
    /// Nothing of it is stopped until then.
    suspended: Option<Seconds>,
}

#[derive(Clone, Debug)]
pub struct Hold {
    pub session: usize,
    pub question: Question,
    pub waiters: Vec<Waiter>,
    /// Of them, those whose sockets have another connection: nobody answers them any more.
    gone: BTreeSet<u64>,
    pub deadline: Seconds,
    first: u32,
    /// Other processes that wait under it, and how many of them were shown.
    others: BTreeSet<u32>,
    shown: usize,
    /// Who has said yes to it as it stands, and how far that reaches.
    given: BTreeMap<u32, Reach>,
}

/// How far a yes reaches beyond what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Once,
    For(Seconds),
    Times(u32),
    Session,
}

/// The owner of both sessions.
pub const OWNER: u32 = 0;

#[derive(Clone, Debug)]
struct Grant {
    hold: u64,
    session: usize,
    question: Question,
    until: Option<Seconds>,
    left: Option<u32>,
}

/// What a step must lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub answers: BTreeSet<(Answer, Waiter)>,
    pub stopped: BTreeSet<(usize, Stopped)>,
    pub thawed: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub struct Model {
    sessions: [Session; 2],
    pub holds: BTreeMap<u64, Hold>,
    grants: Vec<Grant>,
    /// Connections that were held and let go on, by their numbers, with the bytes that have left since.
    pub let_go: BTreeMap<u64, u64>,
    next: u64,
    /// The two sessions can tell each other what they have read.
    met: bool,
    pub ledger_fails: bool,
}

impl Model {
    pub fn new() -> Self {
        let session = Session {
            breaker: Breaker::Closed,
            frozen: false,
            frozen_at: 0,
            touched: false,
            alive: true,
            suspended: None,
        };
        let (holds, grants, let_go) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let sessions = [session.clone(), session];
        Self { sessions, holds, grants, let_go, next: 1, met: false, ledger_fails: false }
    }

    pub fn is_frozen(&self, session: usize) -> bool {
        self.sessions[session].frozen
    }

    pub fn is_alive(&self, session: usize) -> bool {
        self.sessions[session].alive
    }

    pub fn touch(&mut self, session: usize) {
        self.sessions[session].touched = true;
        self.pass_on();
    }

    pub fn meet(&mut self) {
        self.met = true;
        self.pass_on();
    }

    /// What one has touched counts for the other that it has met. One that is over tells nobody any more.
    fn pass_on(&mut self) {
        let touched = self.sessions.iter().any(|session| session.alive && session.touched);
        if self.met && touched {
            self.sessions.iter_mut().for_each(|session| session.touched = true);
        }
    }

    /// Something is asked. What no rule holds goes on; so does what was granted, but not of a frozen session, and not where that cannot
    /// be recorded.
    pub fn ask(&mut self, now: Seconds, session: usize, question: Question, waiter: Waiter) -> Outcome {
        let mut out = Outcome::default();
        let known = &mut self.sessions[session];
        let holds = matches!(question, Question::Key) || known.touched;
        let is_suspended = holds && known.is_suspended(now);
        let is_answered =
            is_suspended || holds && !known.frozen && use_grant(&mut self.grants, now, session, question);
        if !holds || is_answered {
            let answer = if is_answered && self.ledger_fails { Answer::Refuse } else { Answer::Allow };
            if is_answered && answer == Answer::Allow && question != Question::Key {
                self.let_go.insert(waiter.number, 0);
            }
            out.answers.insert((answer, waiter));
            return out;
        }
        if let Some(hold) =
            self.holds.values_mut().find(|hold| (hold.session, hold.question) == (session, question))
        {
            if waiter.pid != hold.first && hold.others.insert(waiter.pid) {
                hold.given.clear(); // nobody has said yes to that one
            }
            hold.waiters.push(waiter);
            return out;
        }
        settle(known, now);
        match known.breaker {
            Breaker::Closed => {
                let (waiters, first, deadline) = (vec![waiter], waiter.pid, now + TIMEOUT);
                let (others, given) = (BTreeSet::new(), BTreeMap::new());
                let gone = BTreeSet::new();
                let hold =
                    Hold { session, question, waiters, gone, deadline, first, others, shown: 0, given };
                self.holds.insert(self.next, hold);
                self.next += 1;
            }
            Breaker::Killed => {
                out.stopped.insert((session, Stopped::Kill));
                out.answers.insert((Answer::Refuse, waiter));
            }
            Breaker::Open | Breaker::Probation { .. } => {
                known.breaker = Breaker::Open;
                freeze(known, now, session, &mut out);
                out.answers.insert((Answer::Refuse, waiter));
            }
        }
        out
    }

    /// A rule freezes the tree.
    pub fn trip(&mut self, now: Seconds, session: usize) -> Outcome {
        let mut out = Outcome::default();
        let known = &mut self.sessions[session];
        if !known.frozen && !known.is_suspended(now) {
            stop(known, now, session, &mut out);
        }
        out
    }

    pub fn freeze_by(&mut self, now: Seconds, session: usize) -> Outcome {
        let mut out = Outcome::default();
        let known = &mut self.sessions[session];
        known.suspended = None;
        if known.breaker != Breaker::Killed {
            known.breaker = Breaker::Open;
        }
        freeze(known, now, session, &mut out);
        out
    }

    pub fn thaw(&mut self, now: Seconds, session: usize) -> Outcome {
        let mut out = Outcome::default();
        let known = &mut self.sessions[session];
        if known.frozen {
            known.frozen = false;
            if known.breaker == Breaker::Open {
                known.breaker = Breaker::Probation { since: now, tripped: true };
            }
            out.thawed.insert(session);
        }
        out
    }

    /// Whether it is suspended, also where its time is over and nobody has looked since.
    pub fn is_suspended(&self, session: usize) -> bool {
        self.sessions[session].suspended.is_some()
    }

    /// Nothing of it is stopped for so long, unless it is stopped already; what waits goes on where that can be recorded.
    pub fn suspend(&mut self, now: Seconds, session: usize, span: Seconds, recorded: bool) -> Outcome {
        let mut out = Outcome::default();
        let known = &mut self.sessions[session];
        if known.frozen || known.breaker == Breaker::Killed {
            return out;
        }
        known.suspended = Some(now + span);
        let (released, rest): (BTreeMap<u64, Hold>, _) = std::mem::take(&mut self.holds)
            .into_iter()
            .partition(|(_, hold)| recorded && hold.session == session);
        self.holds = rest;
        for hold in released.values() {
            self.let_on(hold);
            out.answers.extend(answers(Answer::Allow, hold).answers);
        }
        out
    }

    pub fn resume(&mut self, session: usize) {
        self.sessions[session].suspended = None;
    }

    pub fn show(&mut self, hold: u64) {
        if let Some(hold) = self.holds.get_mut(&hold) {
            hold.shown = hold.others.len();
        }
    }

    pub fn may_approve(&self, hold: u64, person: u32) -> bool {
        let Some(hold) = self.holds.get(&hold) else { return false };
        let is_other = !hold.needs_two() || person != OWNER && !hold.given.contains_key(&person);
        !self.sessions[hold.session].frozen && hold.shown == hold.others.len() && is_other
    }

    /// Whether this yes, if it may be given, lets the hold go on.
    pub fn is_last(&self, hold: u64) -> bool {
        self.holds.get(&hold).is_some_and(|hold| !hold.needs_two() || hold.given.len() == 1)
    }

    pub fn approve(&mut self, now: Seconds, number: u64, person: u32, reach: Reach) -> Outcome {
        if !self.may_approve(number, person) {
            return Outcome::default();
        }
        if !self.is_last(number) {
            self.holds.get_mut(&number).unwrap().given.insert(person, reach);
            return Outcome::default();
        }
        let hold = self.holds.remove(&number).unwrap();
        let reaches = || hold.given.values().copied().chain([reach]);
        if reaches().all(|reach| reach != Reach::Once) {
            let until = reaches().filter_map(|reach| match reach {
                Reach::For(span) => Some(now + span),
                _ => None,
            });
            let left = reaches().filter_map(|reach| match reach {
                Reach::Times(times) => Some(times),
                _ => None,
            });
            let (session, question, until, left) = (hold.session, hold.question, until.min(), left.min());
            self.grants.push(Grant { hold: number, session, question, until, left });
        }
        self.let_on(&hold);
        answers(Answer::Allow, &hold)
    }

    /// From now on it is known of its connections whether anything of them leaves.
    fn let_on(&mut self, hold: &Hold) {
        if hold.question != Question::Key {
            self.let_go.extend(hold.waiting().map(|waiter| (waiter.number, 0)));
        }
    }

    /// Whether anything was granted by that hold, and stands or ended lately.
    pub fn revoke(&mut self, hold: u64) -> bool {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.hold != hold);
        before != self.grants.len()
    }

    pub fn deny(&mut self, now: Seconds, hold: u64) -> Outcome {
        let Some(hold) = self.holds.remove(&hold) else { return Outcome::default() };
        deny(&mut self.sessions[hold.session], now);
        answers(Answer::Refuse, &hold)
    }

    /// Deadlines that have passed, in the order of the holds.
    pub fn tick(&mut self, now: Seconds) -> Outcome {
        let mut out = Outcome::default();
        for session in &mut self.sessions {
            session.suspended = session.suspended.filter(|until| *until > now);
        }
        let over: Vec<u64> =
            self.holds.iter().filter(|(_, hold)| hold.deadline <= now).map(|(number, _)| *number).collect();
        for hold in over.into_iter().filter_map(|number| self.holds.remove(&number)) {
            let known = &mut self.sessions[hold.session];
            match hold.question {
                Question::Key => deny(known, now),
                Question::Host(_) if known.is_suspended(now) => {}
                Question::Host(_) => stop(known, now, hold.session, &mut out),
            }
            out.answers.extend(answers(Answer::Refuse, &hold).answers);
        }
        out
    }

    /// What waited is gone: closed, or its process has ended.
    pub fn leave(&mut self, gone: impl Fn(&Waiter) -> bool) {
        self.holds.retain(|_, hold| {
            let waited = !hold.waiters.is_empty();
            hold.waiters.retain(|waiter| !gone(waiter));
            !waited || !hold.waiters.is_empty()
        });
    }

    /// A socket has another connection; says whether anything of it waited.
    pub fn lose(&mut self, number: u64) -> bool {
        let waits = |hold: &&mut Hold| {
            hold.question != Question::Key && hold.waiters.iter().any(|waiter| waiter.number == number)
        };
        let hold = self.holds.values_mut().find(waits);
        hold.is_some_and(|hold| hold.gone.insert(number))
    }

    pub fn end(&mut self, session: usize) {
        self.holds.retain(|_, hold| hold.session != session);
        self.grants.retain(|grant| grant.session != session);
        (self.sessions[session].alive, self.sessions[session].suspended) = (false, None);
    }

    /// A new daemon freezes again what it finds frozen; what was to be killed and lives is a person's to decide.
    pub fn frozen_again(&mut self, now: Seconds) {
        for session in self.sessions.iter_mut().filter(|session| session.frozen) {
            (session.frozen_at, session.breaker) = (now, Breaker::Open);
        }
    }

    pub fn deny_all(&mut self) -> Outcome {
        let mut out = Outcome::default();
        for hold in std::mem::take(&mut self.holds).into_values() {
            out.answers.extend(answers(Answer::Refuse, &hold).answers);
        }
        out
    }
}

impl Hold {
    pub fn waiting(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter().filter(|waiter| !self.gone.contains(&waiter.number))
    }

    fn needs_two(&self) -> bool {
        self.question == Question::Key
    }
}

/// Takes one use of what stands for the question; what is not counted goes first.
fn use_grant(grants: &mut Vec<Grant>, now: Seconds, session: usize, question: Question) -> bool {
    grants.retain(|grant| grant.until.is_none_or(|until| until > now) && grant.left != Some(0));
    let asks = |grant: &&mut Grant| (grant.session, grant.question) == (session, question);
    let Some(grant) = grants.iter_mut().filter(asks).min_by_key(|grant| grant.left.is_some()) else {
        return false;
    };
    grant.left = grant.left.map(|left| left - 1);
    true
}

impl Session {
    fn is_suspended(&self, now: Seconds) -> bool {
        self.suspended.is_some_and(|until| until > now)
    }
}

fn settle(session: &mut Session, now: Seconds) {
    if let Breaker::Probation { since, .. } = session.breaker
        && now.saturating_sub(since) >= QUIET
    {
        session.breaker = Breaker::Closed;
    }
}

/// Trips the breaker: a second trip after a thaw kills.
fn stop(session: &mut Session, now: Seconds, id: usize, out: &mut Outcome) {
    settle(session, now);
    if matches!(session.breaker, Breaker::Probation { tripped: true, .. } | Breaker::Killed) {
        session.breaker = Breaker::Killed;
        out.stopped.insert((id, Stopped::Kill));
    } else {
        session.breaker = Breaker::Open;
        freeze(session, now, id, out);
    }
}

fn freeze(session: &mut Session, now: Seconds, id: usize, out: &mut Outcome) {
    if session.frozen && now <= session.frozen_at {
        return;
    }
    (session.frozen, session.frozen_at) = (true, now);
    out.stopped.insert((id, Stopped::Freeze));
}

fn deny(session: &mut Session, now: Seconds) {
    settle(session, now);
    session.breaker = match session.breaker {
        Breaker::Closed => Breaker::Probation { since: now, tripped: false },
        Breaker::Probation { tripped, .. } => Breaker::Probation { since: now, tripped },
        other => other,
    };
}

fn answers(answer: Answer, hold: &Hold) -> Outcome {
    let answers = hold.waiting().map(|waiter| (answer, *waiter)).collect();
    Outcome { answers, ..Outcome::default() }
}
