//! A person's answer to a hold.

use std::time::Duration;

use monitor_common::policy::SUBJECT_CONNECT;
use serde_json::json;

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
    input::Approval,
    release::waiters,
};
use crate::{
    facts::{BootNanos, HoldState, SessionId},
    holds::{
        Hold, Object, Undecidable,
        relays::{self, Hop},
    },
    record::{Kind, Who},
};

/// Longest time an approval may reach.
const REACH_MAX: Duration = Duration::from_secs(24 * 3600);

/// How long an approved handshake speaks for the data that follows it.
const HANDSHAKE_REACH: Duration = Duration::from_secs(60);

/// Why a hold may not be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    Undecidable(Undecidable),
    /// Only a thaw lets anything of its session go on.
    Frozen(SessionId),
    /// More waits under it than anybody was shown: these.
    Unseen(Vec<String>),
    /// It would reach further than an approval may.
    TooLong,
}

impl Decider {
    /// Whether the hold may be approved as it stands.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn may_approve(&self, number: u64, reach: Option<Duration>) -> Result<&Hold, Objection> {
        let hold = self.holds.get(number).ok_or(Objection::Undecidable(Undecidable::Unknown))?;
        if hold.state != HoldState::Waiting {
            return Err(Objection::Undecidable(Undecidable::Already(hold.state)));
        }
        let id = SessionId(hold.session);
        if self.is_frozen(id) {
            return Err(Objection::Frozen(id));
        }
        let unseen = hold.company.unseen();
        if !unseen.is_empty() {
            return Err(Objection::Unseen(unseen));
        }
        if reach.is_some_and(|reach| reach > REACH_MAX) { Err(Objection::TooLong) } else { Ok(hold) }
    }

    /// Lets everything of a hold go on. What may not be approved changes nothing: the session was frozen meanwhile, or somebody
    /// else has answered.
    pub(super) fn approve(&mut self, step: &mut Step<'_>, approval: &Approval) {
        let Approval { hold: number, who, reach } = approval;
        if self.may_approve(*number, *reach).is_err() {
            return;
        }
        let by = who.text();
        let decided = self.holds.decide(*number, HoldState::Approved, Some(by.clone()));
        let Ok(hold) = decided else { return };
        step.push(Effect::Waited(step.now.since(hold.since)));
        if let Some(session) = self.sessions.get_mut(SessionId(hold.session)) {
            session.memory.forgive(hold.points, step.now);
        }
        self.expect_relays(&hold, step.now, &by);
        for waiter in waiters(&hold) {
            self.allow(step, waiter);
        }
        // The connection asks again with its first data: who approved its handshake has approved that.
        let begins = hold.callers.iter().any(|caller| caller.subject == SUBJECT_CONNECT);
        if let Some(reach) = reach.or(begins.then_some(HANDSHAKE_REACH)) {
            self.holds.grant(&hold, step.now.plus(reach), by.clone());
        }
        let extra = vec![("hold.decided_by", json!(by)), ("rule.id", json!([hold.rule]))];
        step.report(Report::Hold { name: "flow-released", at: step.now, hold: Box::new(hold), extra });
        step.push(Effect::Save);
    }

    /// Refuses everything of a hold.
    pub(super) fn deny(&mut self, step: &mut Step<'_>, number: u64, who: Who) {
        let Ok(hold) = self.holds.decide(number, HoldState::Denied, Some(who.text())) else { return };
        step.push(Effect::Waited(step.now.since(hold.since)));
        if let Some(session) = self.sessions.get_mut(SessionId(hold.session)) {
            session.breaker.on_denied(step.now);
        }
        self.finish(step, hold, Kind::Deny, who, "flow-denied");
    }

    /// The relays of an approved hold.
    fn expect_relays(&mut self, hold: &Hold, since: BootNanos, by: &str) {
        let Object::Connection(destination) = &hold.object else { return };
        let Some(name) = destination.name.clone() else { return };
        for flow in hold.flows.iter().filter(|flow| relays::is_relayed(flow, destination)) {
            let pid = if flow.opener == 0 { hold.pid } else { flow.opener };
            let (rule, name, by) = (hold.rule.clone(), name.clone(), by.to_owned());
            let hop = Hop { session: hold.session, rule, name, pid, cookie: flow.cookie, since, by };
            self.holds.relays.expect(hop);
        }
    }
}
