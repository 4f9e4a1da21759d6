//! What was granted is taken back.

use serde_json::json;

use super::{
    decider::{Decider, Step},
    effect::{Effect, Report},
};
use crate::{
    facts::SessionId,
    record::{Entry, Kind, Who},
};

impl Decider {
    /// Takes back the grants of a hold. Connections that went on by them ask again, and so do all others of the session: which
    /// grant let one go on is not remembered, and what a rule does not hold goes on at once.
    pub(super) fn revoke(&mut self, step: &mut Step<'_>, hold: u64, who: Who) {
        for grant in self.holds.grants.revoke(hold) {
            let session = SessionId(grant.session());
            step.push(Effect::TakeBack(session));
            step.push(Effect::AskAgain(session));
            let (id, covers, by) = (grant.id(), grant.covers().to_owned(), who.text());
            let detail = [("grant", id.clone().into()), ("covers", covers.clone().into())];
            step.record(Entry::new(Kind::Revoke, who.clone(), Some(session), detail));
            let extra = vec![
                ("grant.id", json!(id)),
                ("grant.covers", json!(covers)),
                ("grant.decided_by", json!(grant.by)),
                ("grant.revoked_by", json!(by)),
            ];
            step.report(Report::Session { name: "grant-revoked", at: step.now, session, extra });
            step.push(Effect::Save);
        }
    }
}
