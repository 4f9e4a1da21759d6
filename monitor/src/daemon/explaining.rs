//! What `interlock explain` needs to know of decisions that were made.
//!
//! Nothing is told in advance: what was judged is kept with the memory and the rules that judged it, and judged again when
//! somebody asks.

mod accounts;
mod before;
mod restored;

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

pub use self::accounts::{Account, Accounts};
use super::engine::Engine;
use interlock_core::{
    decide::Decision,
    explanation::Explanation,
    facts::{Destination, Fact, NameSource, SecretAccess, SessionId, Subject},
    holds::target,
    rules::{Trace, Word as _},
};

/// Events kept that a rule matched, and that none did: the many must not push out the few.
const MATCHED: usize = 512;
const UNMATCHED: usize = 256;
/// Holds kept.
const HOLDS: usize = 512;

/// A decision under the id of an event, or of a hold, that told of it.
#[derive(Clone)]
struct Told {
    id: String,
    event: Arc<Value>,
    decision: Arc<Decision>,
    lineage: Arc<[String]>,
    /// The session's user.
    owner: u32,
}

#[derive(Default)]
pub struct Explanations {
    /// What is being judged: the events of meanwhile tell of it.
    pub deciding: Option<Arc<Decision>>,
    matched: VecDeque<Told>,
    unmatched: VecDeque<Told>,
    holds: VecDeque<Told>,
    /// For the next daemon, and from the one before.
    pub accounts: Accounts,
}

impl Explanations {
    fn keep(&mut self, told: Told) {
        let hold = told.event.get("hold.id").and_then(Value::as_str);
        if let Some(hold) = hold.filter(|hold| self.hold(hold).is_none()) {
            push(&mut self.holds, HOLDS, Told { id: hold.to_owned(), ..told.clone() });
        }
        if !told.decision.verdict.matches.is_empty() {
            push(&mut self.matched, MATCHED, told);
        } else {
            push(&mut self.unmatched, UNMATCHED, told);
        }
    }

    fn hold(&self, id: &str) -> Option<&Told> {
        self.holds.iter().rev().find(|told| told.id == id)
    }

    fn find(&self, id: &str) -> Option<&Told> {
        let events = || self.matched.iter().chain(&self.unmatched).find(|told| told.id == id);
        self.hold(id).or_else(events)
    }
}

fn push(queue: &mut VecDeque<Told>, most: usize, told: Told) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(told);
}

impl Engine {
    /// Remembers which decision an event tells of: the one that is being made, or the one that opened its hold.
    pub fn keep_explainable(&mut self, event: &Arc<Value>) {
        let field = |name| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(id) = field("event.id") else { return };
        let event = Arc::clone(event);
        if let Some(decision) = self.explanations.deciding.clone() {
            let (session, pid) = (decision.fact.session, decision.fact.process.pid);
            let (lineage, owner) = (self.lineage(session, pid).into(), self.owner(session));
            self.explanations.keep(Told { id, event, decision, lineage, owner });
        } else if let Some(hold) = field("hold.id").and_then(|hold| self.explanations.hold(&hold).cloned()) {
            self.explanations.keep(Told { id, event, ..hold });
        }
    }

    /// Remembers that an event tells of what another one told of before.
    pub fn keep_explainable_as(&mut self, first: &str, event: &Arc<Value>) {
        let Some(told) = self.explanations.find(first).cloned() else { return };
        let id = event.get("event.id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.explanations.keep(Told { id, event: Arc::clone(event), ..told });
    }

    /// The process and its creators up to the session's root.
    pub fn lineage(&self, id: SessionId, pid: u32) -> Vec<String> {
        self.decider.sessions.lineage_of(id, pid)
    }

    /// Tells a decision by the id of an event or a hold, with its session's user.
    pub fn told(&self, id: &str) -> Option<(u32, Explanation)> {
        match self.explanations.find(id) {
            Some(told) => Some((told.owner, self.tell(told))),
            None => self.told_of_hold(id).or_else(|| {
                let event = self.bus.find(id)?;
                Some(self.told_by_hold(id, &event).unwrap_or_else(|| self.tell_unjudged(id, &event)))
            }),
        }
    }

    /// Keeps what is told of a hold now for the next daemon.
    pub fn keep_account(&mut self, hold: u64) {
        let Some(told) = self.explanations.hold(&format!("h{hold}")) else { return };
        let (owner, explanation) = (told.owner, self.tell(told));
        self.explanations.accounts.keep(hold, owner, explanation);
    }

    fn tell(&self, told: &Told) -> Explanation {
        let Decision { fact, past, rules, .. } = &*told.decision;
        let trace = rules.trace(fact, past);
        let name = told.event.get("event.action").and_then(Value::as_str).unwrap_or_default();
        Explanation {
            id: told.id.clone(),
            headline: headline(name, fact, &trace),
            at: self.wall(fact.at),
            session: fact.session.to_string(),
            lineage: told.lineage.to_vec(),
            object: object(&fact.subject).into_iter().chain(why_stopped(&told.event)).collect(),
            read: self.read_before(&told.decision, &trace),
            unknown: self.unknown_before(&told.decision),
            rules: trace.matched(rules),
            excused: trace.excused(),
            nearest: trace.neighbours(),
            otherwise: trace.without_decisive(),
            rules_sha256: Some(rules.sha256().to_owned()),
            reloaded: rules.sha256() != self.policies.rules.sha256(),
            event: (*told.event).clone(),
        }
    }

    /// An event of which it is not known what it was judged by, or that no rule is asked about.
    fn tell_unjudged(&self, id: &str, event: &Value) -> (u32, Explanation) {
        let field = |name| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, session) = (field("event.action"), field("session.id"));
        let known = self.decider.sessions.find(session);
        let pid = event.get("process.pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
        let acted = known.zip(pid).filter(|(id, pid)| self.decider.sessions.session_of(*pid) == Some(*id));
        let explanation = Explanation {
            id: id.to_owned(),
            headline: format!("{name}: there is no decision to explain"),
            at: field("@timestamp").parse().unwrap_or_default(),
            session: session.to_owned(),
            lineage: acted.map(|(id, pid)| self.lineage(id, pid)).unwrap_or_default(),
            object: vec![why_unjudged(event).to_owned()],
            event: event.clone(),
            ..Explanation::default()
        };
        (known.map_or(0, |id| self.owner(id)), explanation)
    }
}

fn why_unjudged(event: &Value) -> &'static str {
    let has = |name| event.get(name).is_some();
    match event.get("event.action").and_then(Value::as_str) {
        _ if has("hold.id") => "nothing is known of its hold any more: that was before the daemon's start",
        _ if has("secret.pack") => {
            "its provider's pack is switched off: it is recorded, and no rule was asked"
        }
        _ if has("interlock.action") => {
            "it was judged, but too much has happened since: the last 512 events that a rule matched, and 256 others, are kept"
        }
        Some("connect") => {
            "the session has read a secret that a rule asks for, so the connection is judged when its first data leaves: \
             see the next flow event of the process"
        }
        _ => "it tells what was done or noticed, and is no act that rules are asked about",
    }
}

fn headline(name: &str, fact: &Fact, trace: &Trace) -> String {
    let object = match &fact.subject {
        Subject::Open(secret) | Subject::Probe(secret) => secret.path.clone(),
        Subject::Connect(destination) | Subject::Handshake(destination) => target(destination),
        Subject::Environ(access) => format!("environment of {}", access.target),
        Subject::Inspect(access) => format!("process {}", access.target),
        Subject::Delegate(delegation) => format!("{} ({})", delegation.service, delegation.path),
        Subject::Link(relink) => relink.secret.path.clone(),
        Subject::Lifecycle(_) => fact.agent.clone(),
        Subject::Exec => fact.process.command_line(),
    };
    match &trace.verdict.decisive {
        Some(rule) => format!("{name} {object}: {}", rule.summary),
        None => format!("{name} {object}: no rule matched"),
    }
}

/// What the breaker says of a session that it stopped: more than one rule's action can be behind it.
fn why_stopped(event: &Value) -> Option<String> {
    let stopped = ["session-frozen", "session-killed", "would-freeze"];
    let name = event.get("event.action")?.as_str()?;
    let why = event.get("message").and_then(Value::as_str).filter(|_| stopped.contains(&name))?;
    Some(format!("what stopped the session: {why}"))
}

/// What a decision was about, and how that is known.
fn object(subject: &Subject) -> Vec<String> {
    match subject {
        Subject::Open(secret) | Subject::Probe(secret) => secret_lines(secret),
        Subject::Link(relink) => {
            let mut lines = secret_lines(&relink.secret);
            lines.push(format!("it gets another name: {}", relink.how.word()));
            lines
        }
        Subject::Connect(destination) => destination_lines(destination),
        Subject::Handshake(destination) => {
            let mut lines = destination_lines(destination);
            lines.push("nobody was called yet: the program is stopped before the handshake".to_owned());
            lines
        }
        Subject::Environ(access) => {
            let own = if access.own { "its own" } else { "another process" };
            vec![format!("the environment of process {} ({own}), by {}", access.target, access.how.word())]
        }
        Subject::Inspect(access) => {
            let own = if access.own { "of the same session" } else { "outside of the session" };
            vec![format!("process {}, {own}, by {}", access.target, access.how.word())]
        }
        Subject::Delegate(asked) => {
            vec![format!("the service {}, by {} {}", asked.service, asked.how.word(), asked.path)]
        }
        Subject::Exec | Subject::Lifecycle(_) => Vec::new(),
    }
}

fn secret_lines(secret: &SecretAccess) -> Vec<String> {
    let SecretAccess { path, entry, class, grade, foreign, owner, copy, habit } = secret;
    let place = match (foreign, owner) {
        _ if *copy => "a copy: another session wrote this file after it had read the secret",
        (_, true) => "read by one of its owner tools",
        (true, _) => "foreign: outside of the workspace, and the reader is none of its owner tools",
        (false, _) => "of the session's own workspace",
    };
    let mut lines = vec![
        path.clone(),
        format!("{entry} in the catalogue, class {class}, grade {}; {place}", grade.word()),
    ];
    lines.extend(habit.as_ref().map(|habit| {
        let at = habit.providers.join(", ");
        let at = if at.is_empty() { String::new() } else { format!("at {at}, and ") };
        format!("a library looked into it unasked: it counts {at}where nobody is known")
    }));
    lines
}

fn destination_lines(destination: &Destination) -> Vec<String> {
    let Destination { transport, class, provider, name, named_by, .. } = destination;
    let provider = provider.as_ref().map(|id| format!(", provider {id}")).unwrap_or_default();
    let source = match named_by.filter(|_| name.is_some()) {
        Some(NameSource::ServerName) => "the name is the server name (SNI) in this connection's TLS greeting",
        Some(NameSource::Http) => "the name is the host in this connection's own HTTP request",
        Some(NameSource::Dns) => "the name is from a DNS answer that the session received for this address",
        Some(NameSource::Address) | None => "no name is known; the address and the port are all there is",
    };
    vec![
        format!("{} over {}, class {}{provider}", target(destination), transport.word(), class.word()),
        source.to_owned(),
    ]
}
