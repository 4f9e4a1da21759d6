//! Answers to what waits: each waiter gets one.

use serde_json::{Value, json};

use super::{
    decider::{Decider, Step},
    effect::{Effect, Extra, Report, Waiter},
    input::Waiting,
};
use crate::{
    facts::SessionId,
    holds::{Hold, evidence::Evidence},
    record::{Entry, Kind, Who},
};

impl Decider {
    /// Lets one waiter go on.
    pub(super) fn allow(&mut self, step: &mut Step<'_>, waiter: Waiter) {
        self.runs_again(waiter);
        step.push(Effect::Allow(waiter));
    }

    /// Refuses one waiter.
    pub(super) fn refuse(&mut self, step: &mut Step<'_>, waiter: Waiter) {
        self.runs_again(waiter);
        step.push(Effect::Refuse(waiter));
    }

    /// Who is answered while its session is frozen runs when that is thawed, and finds its answer, or asks anew.
    fn runs_again(&mut self, waiter: Waiter) {
        if let Waiting::Caller(caller) = waiter.what
            && let Some(session) = self.sessions.get_mut(waiter.session)
        {
            session.stands_no_more(caller.pid);
        }
    }

    /// Refuses everything of a hold that was decided, and says so. `said` is recorded beside.
    pub(super) fn finish(
        &mut self,
        step: &mut Step<'_>,
        hold: Hold,
        kind: Kind,
        who: Who,
        name: &'static str,
        said: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let session = SessionId(hold.session);
        for waiter in waiters(&hold) {
            self.refuse(step, waiter);
        }
        let detail = [
            ("hold", hold.id().into()),
            ("destination", hold.target().into()),
            ("evidence", Evidence::of(&hold).whole().into()),
            ("reason", json!(hold.reason)),
        ];
        let mut entry = Entry::new(kind, who, Some(session), detail);
        entry.detail.extend(said.into_iter().map(|(name, value)| (name.to_owned(), value)));
        step.record(entry);
        let extra = told(&hold);
        step.report(Report::Hold { name, at: step.now, hold: Box::new(hold), extra });
        step.push(Effect::Save);
    }
}

/// What an event tells of a decision.
pub(super) fn told(hold: &Hold) -> Extra {
    let mut told = vec![
        ("rule.id", json!([hold.rule])),
        ("hold.decided_by", json!(hold.decided_by)),
        ("hold.evidence", json!(Evidence::of(hold).token())),
    ];
    told.extend(hold.reason.as_ref().map(|reason| ("hold.reason", json!(reason))));
    told
}

/// Everything that waits under a hold. Not what is gone: an answer to it would be one to its socket's next connection.
pub(super) fn waiters(hold: &Hold) -> Vec<Waiter> {
    let flows = hold.flows.iter().copied().filter(|flow| !flow.gone).map(Waiting::Flow);
    let all = flows.chain(hold.callers.iter().copied().map(Waiting::Caller));
    all.map(|what| Waiter { session: SessionId(hold.session), pid: hold.pid, what }).collect()
}
