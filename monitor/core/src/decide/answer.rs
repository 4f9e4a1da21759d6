//! A person's answer to a hold.

use std::time::Duration;

use monitor_common::policy::SUBJECT_CONNECT;
use serde_json::json;

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
    input::{Approval, Denial},
    release::{told, waiters},
    sent::Yes,
};
use crate::{
    facts::{BootNanos, HoldState, SessionId},
    holds::{
        Ending, Given, Hold, Object,
        evidence::Evidence,
        extent::Extent,
        relays::{self, Hop},
    },
    record::Kind,
};

/// How long an approved handshake speaks for the data that follows it.
const HANDSHAKE_REACH: Duration = Duration::from_secs(60);

impl Decider {
    /// A person says yes. What may not be approved changes nothing: the session was frozen meanwhile, or somebody else has
    /// answered.
    pub(super) fn approve(&mut self, step: &mut Step<'_>, approval: &Approval) {
        let Ok(hold) = self.may_approve(approval) else { return };
        let before: Vec<Given> = hold.given().cloned().collect();
        if before.len() + 1 < hold.terms.count {
            self.give(step, approval);
        } else {
            self.let_go(step, approval, &before);
        }
    }

    /// One of several persons has said yes: it waits for the next.
    fn give(&mut self, step: &mut Step<'_>, approval: &Approval) {
        let Approval { hold: number, who, extent, reason, .. } = approval;
        let Some(hold) = self.holds.waiting_mut(*number) else { return };
        let evidence = Evidence::of(hold);
        let (by, persons, at) = (who.text(), who.persons(), step.now);
        let given = Given {
            by: by.clone(),
            persons,
            cluster_user: who.cluster_user().map(str::to_owned),
            at,
            reason: reason.clone(),
            extent: *extent,
            evidence: evidence.whole().to_owned(),
        };
        hold.approvals.retain(|given| given.evidence == evidence.whole());
        hold.approvals.push(given);
        let hold = hold.clone();
        let mut extra = vec![
            ("rule.id", json!([hold.rule])),
            ("hold.approved_by", json!(by)),
            ("hold.approvals", json!(hold.approvals.len())),
            ("hold.approvals_asked", json!(hold.terms.count)),
            ("hold.reason", json!(reason)),
            ("hold.evidence", json!(evidence.token())),
        ];
        extra.extend(who.factor().map(|factor| ("decision.factor", json!(factor))));
        step.report(Report::Hold { name: "approval-given", at: step.now, hold: Box::new(hold), extra });
        step.push(Effect::Save);
    }

    /// Ends a hold by a yes: how long it waited is told, and its points are taken back.
    pub(super) fn end_by_yes(&mut self, step: &mut Step<'_>, number: u64, ending: Ending) -> Option<Hold> {
        let hold = self.holds.decide(number, ending).ok()?;
        step.push(Effect::Waited { hold: number, span: step.now.since(hold.since) });
        if let Some(session) = self.sessions.get_mut(SessionId(hold.session)) {
            session.memory.forgive(hold.points, step.now);
        }
        Some(hold)
    }

    /// Lets everything of a hold go on, as far as everybody who approved has said.
    fn let_go(&mut self, step: &mut Step<'_>, approval: &Approval, before: &[Given]) {
        let Approval { hold: number, who, extent, reason, .. } = approval;
        let by =
            before.iter().map(|given| given.by.clone()).chain([who.text()]).collect::<Vec<_>>().join(" and ");
        let extent = before.iter().fold(*extent, |extent, given| extent.and(given.extent));
        let ending = Ending::new(HoldState::Approved, step.now).by(by.clone()).because(reason.clone());
        let Some(hold) = self.end_by_yes(step, *number, ending) else { return };
        self.expect_relays(&hold, step.now, &by);
        for waiter in waiters(&hold) {
            self.let_on(step, waiter, Yes { object: &hold.object, hold: Some(hold.id()), grant: None });
        }
        // The connection asks again with its first data: who approved its handshake has approved that.
        let begins = hold.callers.iter().any(|caller| caller.subject == SUBJECT_CONNECT);
        let extent = match extent {
            Extent::Once if begins => Extent::lasting(HANDSHAKE_REACH),
            extent => extent,
        };
        self.holds.grants.give(&hold, extent, step.now, by);
        let mut extra = told(&hold);
        extra.extend(who.factor().map(|factor| ("decision.factor", json!(factor))));
        step.report(Report::Hold { name: "flow-released", at: step.now, hold: Box::new(hold), extra });
        step.push(Effect::Save);
    }

    /// Refuses everything of a hold: one person's no is enough.
    pub(super) fn deny(&mut self, step: &mut Step<'_>, denial: Denial) {
        let Denial { hold: number, who, reason, evidence: shown } = denial;
        let ending = Ending::new(HoldState::Denied, step.now).by(who.text()).because(reason);
        let Ok(hold) = self.holds.decide(number, ending) else { return };
        step.push(Effect::Waited { hold: number, span: step.now.since(hold.since) });
        if let Some(session) = self.sessions.get_mut(SessionId(hold.session)) {
            session.breaker.on_denied(step.now);
        }
        let said = [("shown", json!(shown))].into_iter().filter(|_| shown.is_some());
        self.finish(step, hold, Kind::Deny, who, "flow-denied", said);
    }

    /// The relays of an approved hold.
    fn expect_relays(&mut self, hold: &Hold, since: BootNanos, by: &str) {
        let Object::Connection(destination) = &hold.object else { return };
        let Some(name) = destination.name.clone() else { return };
        for flow in hold.flows.iter().filter(|flow| relays::is_relayed(flow, destination)) {
            let pid = flow.opener_or(hold.pid);
            let (rule, name, by) = (hold.rule.clone(), name.clone(), by.to_owned());
            let hop = Hop { session: hold.session, rule, name, pid, cookie: flow.cookie, since, by };
            self.holds.relays.expect(hop);
        }
    }
}
