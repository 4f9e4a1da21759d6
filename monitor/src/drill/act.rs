//! The act: the agent runs, the daemon watches, and the drill plays the person who is asked.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::Value;

use super::{
    client::Client,
    journal::{Moment, Who},
    options::Variant,
    provider::Seen,
    resolver,
    sandbox::Report,
    wait::{Look, Wait},
    wire::Remote,
};
use crate::control::api::{HoldView, SessionView};
use interlock_core::facts::{HoldState, SessionStatus};

/// For the whole act.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a hold or a freeze is looked at before it is believed: TCP repeats a lost segment after 0.2 s, 0.4 s …
const WITNESS: Duration = Duration::from_secs(1);
/// For the daemon to write down the end of the session.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A hold, and what had reached the server by the time it was answered.
#[derive(Debug)]
pub struct Held {
    pub view: HoldView,
    pub seen: Seen,
}

/// All that the verdict is made of.
#[derive(Debug)]
pub struct Evidence {
    pub variant: Variant,
    /// The first hold.
    pub held: Option<Held>,
    pub frozen: bool,
    /// What the sandbox knew in the end.
    pub last: Report,
    /// Of the agent's session, and of the one that was held where that is another; oldest first.
    pub events: Vec<Value>,
    /// What the drill itself did and saw.
    pub moments: Vec<Moment>,
}

struct Act<'a> {
    variant: Variant,
    client: &'a Client,
    sandbox: Remote,
    wait: &'a Wait,
    session: Option<String>,
    answered: BTreeSet<String>,
    held: Option<Held>,
    moments: Vec<Moment>,
}

/// How the agent's part ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Exited,
    Frozen,
}

/// Plays the act to its end; the sandbox and the agent's tree are gone afterwards.
///
/// # Errors
/// Daemon or sandbox ended, refused, or nothing came to an end within 60 s (with what was last seen).
pub fn perform(variant: Variant, client: &Client, mut sandbox: Remote, wait: &Wait) -> Result<Evidence> {
    sandbox.start_agent()?;
    let (answered, moments) = (BTreeSet::new(), Vec::new());
    let mut act = Act { variant, client, sandbox, wait, session: None, answered, held: None, moments };
    let end = wait.until("the agent ends or is frozen", LIMIT, || act.look())?;
    // A denied or frozen connection must not deliver what it kept, either.
    let last = act.witness(if end == End::Frozen { "while it is frozen" } else { "afterwards" })?;
    let Act { sandbox, session, held, moments, .. } = act;
    drop(sandbox);
    let sessions = session.into_iter().chain(held.iter().map(|held| held.view.session.clone())).collect();
    let events = last_events(client, &sessions, wait)?;
    let held = held.map(|held| with_its_end(client, held)).transpose()?;
    Ok(Evidence { variant, held, frozen: end == End::Frozen, last, events, moments })
}

impl Act<'_> {
    fn look(&mut self) -> Result<Look<End>> {
        let report = self.sandbox.report()?;
        let agent = report.agent.as_ref();
        let ended = agent.is_some_and(|agent| agent.ended);
        let sessions: Vec<SessionView> = self.client.get("/v1/sessions")?;
        let ours = sessions.iter().find(|session| agent.is_some_and(|agent| agent.pid == session.root));
        if let Some(session) = ours {
            self.session = Some(session.id.clone());
        }
        if ours.is_some_and(|session| session.status == SessionStatus::Frozen) {
            return Ok(Look::Seen(End::Frozen));
        }
        let holds: Vec<HoldView> = self.client.get("/v1/holds")?;
        if let Some(hold) = holds.into_iter().find(|hold| self.is_new(hold)) {
            self.answer(hold)?;
        } else if ended {
            return Ok(Look::Seen(End::Exited));
        }
        let state =
            ours.map_or("no session of the agent".into(), |session| format!("session {:?}", session.status));
        let doing = report.moments.iter().rfind(|moment| moment.who == Who::Agent);
        Ok(Look::NotYet(format!(
            "{state}; the agent: {}",
            doing.map_or("nothing yet", |moment| &moment.what)
        )))
    }

    /// Nobody else can reach the provider's address, so a hold of a process that got away from the session counts too.
    fn is_new(&self, hold: &HoldView) -> bool {
        let there = [resolver::PROVIDER, &resolver::ADDRESS.to_string()];
        let ours = self.session.as_ref() == Some(&hold.session)
            || there.iter().any(|place| hold.destination.contains(*place));
        hold.state == HoldState::Waiting && ours && !self.answered.contains(&hold.id)
    }

    fn answer(&mut self, hold: HoldView) -> Result<()> {
        let seen = self.witness("while it is held")?.server;
        let verb = if self.variant == Variant::Approve { "approve" } else { "deny" };
        self.moments.push(Moment::now(Who::Person, format!("interlock {verb} {}", hold.id)));
        self.client.post::<HoldView>(&format!("/v1/holds/{}/{verb}", hold.id))?;
        self.answered.insert(hold.id.clone());
        self.held.get_or_insert(Held { view: hold, seen });
        Ok(())
    }

    /// Looks at the server for a while, and writes down what had reached it in the end.
    fn witness(&mut self, when: &str) -> Result<Report> {
        let start = Instant::now();
        let report = self.wait.until("a second passes", LIMIT, || {
            let report = self.sandbox.report()?;
            let over = start.elapsed() >= WITNESS;
            Ok(if over { Look::Seen(report) } else { Look::NotYet("a shorter time".into()) })
        })?;
        let what = format!("{when}, for {} s: {} have arrived", WITNESS.as_secs(), bytes(&report.server));
        self.moments.push(Moment::now(Who::Server, what));
        Ok(report)
    }
}

/// `1 TCP connection and 0 bytes`.
pub fn bytes(seen: &Seen) -> String {
    let count = |n: u64, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    format!("{} and {}", count(seen.tcp_connections, "TCP connection"), count(seen.application_bytes, "byte"))
}

/// The sessions' events, once an end is among them or can no longer be hoped for.
fn last_events(client: &Client, sessions: &BTreeSet<String>, wait: &Wait) -> Result<Vec<Value>> {
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let start = Instant::now();
    wait.until("the session's end is written down", LIMIT, || {
        let mut events = client.events()?;
        events.retain(|event| event["interlock.session.id"].as_str().is_some_and(|id| sessions.contains(id)));
        let complete = events.iter().any(|event| event["event.action"] == "session-ended");
        let enough = complete || start.elapsed() >= AFTERWARDS;
        Ok(if enough { Look::Seen(events) } else { Look::NotYet(format!("{} events", events.len())) })
    })
}

/// The hold as it is now: who answered it, and how it ended.
fn with_its_end(client: &Client, held: Held) -> Result<Held> {
    let all: Vec<HoldView> = client.get("/v1/holds?all=true")?;
    let view = all.into_iter().find(|hold| hold.id == held.view.id).unwrap_or(held.view);
    Ok(Held { view, seen: held.seen })
}
