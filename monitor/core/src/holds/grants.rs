//! Grants: what persons let sessions do again unasked.

use serde::{Deserialize, Serialize};

use super::{
    extent::{Extent, More, Scope},
    hold::Hold,
    question::{Object, Question},
};
use crate::facts::{BootNanos, Severity, Terms};

/// Grants at once; above it, the one that ends first makes room.
const MAX: usize = 1024;

/// What a person lets a session do again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub(super) question: Question,
    /// `None`: until the session ends.
    pub until: Option<BootNanos>,
    pub by: String,
    /// Number of the hold that was approved so; `g7` is the grant of `h7`. 0 of one that an earlier version saved.
    #[serde(default)]
    pub hold: u64,
    /// How many more times; `None`: as often as it likes.
    #[serde(default)]
    pub left: Option<u32>,
    #[serde(default)]
    pub scope: Scope,
    #[serde(default)]
    pub rule: String,
    /// Of the rule; none of one that an earlier version saved.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// What was asked of who approved.
    #[serde(default)]
    pub terms: Terms,
    #[serde(default)]
    pub since: BootNanos,
    #[serde(default)]
    pub owner: Option<u32>,
}

impl Grant {
    #[must_use]
    pub fn id(&self) -> String {
        format!("g{}", self.hold)
    }

    #[must_use]
    pub fn session(&self) -> u64 {
        self.question.session
    }

    /// `connect backboard.railway.app:443`, `provider railway`.
    #[must_use]
    pub fn covers(&self) -> &str {
        self.question.about()
    }

    fn stands(&self, now: BootNanos) -> bool {
        self.until.is_none_or(|until| until > now) && self.left != Some(0)
    }

    fn answers(&self, asked: &Asked<'_>) -> bool {
        if self.session() != asked.session {
            return false;
        }
        let is_same =
            Question::within(asked.session, asked.object, self.scope).as_ref() == Some(&self.question);
        // One that was easier to get does not answer what is harder to get, nor a wide one another rule.
        let is_enough = self.terms.clone().and(asked.terms) == self.terms;
        // Nor does what was said under one rule answer a graver one: whoever said it may not be one who may answer that.
        let is_no_graver = self.severity.is_none_or(|severity| asked.severity <= severity);
        is_same && is_enough && (self.rule == asked.rule || self.scope == Scope::Object && is_no_graver)
    }
}

/// What a rule holds.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub session: u64,
    pub object: &'a Object,
    pub rule: &'a str,
    pub severity: Severity,
    pub terms: &'a Terms,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// Those that stand, and those that ended lately.
    #[must_use]
    pub fn all(&self) -> &[Grant] {
        &self.0
    }

    /// Those that stand, the oldest first.
    pub fn standing(&self, now: BootNanos) -> impl Iterator<Item = &Grant> {
        self.0.iter().filter(move |grant| grant.stands(now))
    }

    /// Puts back those of an earlier daemon, of sessions that `live`.
    pub fn restore(&mut self, grants: Vec<Grant>, live: impl Fn(u64) -> bool) {
        self.0.extend(grants.into_iter().filter(|grant| live(grant.session())));
    }

    /// Lets the session of an approved hold go on to do the same.
    pub fn give(&mut self, hold: &Hold, extent: Extent, now: BootNanos, by: String) {
        let Extent::More(More { reach, times, scope }) = extent else { return };
        let Some(question) = Question::within(hold.session, &hold.object, scope) else { return };
        if self.0.len() >= MAX
            && let Some(first) = self.0.iter().enumerate().min_by_key(|(_, grant)| end(grant)).map(|(i, _)| i)
        {
            self.0.swap_remove(first);
        }
        self.0.push(Grant {
            question,
            until: reach.map(|reach| now.plus(reach)),
            by,
            hold: hold.number,
            left: times,
            scope,
            rule: hold.rule.clone(),
            severity: Some(hold.severity),
            terms: hold.terms.clone(),
            since: now,
            owner: hold.owner,
        });
    }

    /// The grant that lets this go on, if one still stands: it is used once more.
    pub fn take(&mut self, asked: &Asked<'_>, now: BootNanos) -> Option<&Grant> {
        self.0.retain(|grant| grant.stands(now));
        // What may be used as often as one likes is not saved up, and what is counted not spent before.
        let answering = self.0.iter_mut().filter(|grant| grant.answers(asked));
        let grant = answering.min_by_key(|grant| grant.left.is_some())?;
        grant.left = grant.left.map(|left| left.saturating_sub(1));
        Some(grant)
    }

    /// Whether one lets this go on; it is not used up by the question.
    #[must_use]
    pub fn stands_for(&self, asked: &Asked<'_>, now: BootNanos) -> bool {
        self.standing(now).any(|grant| grant.answers(asked))
    }

    /// Takes back the grants of a hold; returns them.
    pub fn revoke(&mut self, hold: u64) -> Vec<Grant> {
        self.0.extract_if(.., |grant| grant.hold == hold).collect()
    }

    /// The session has ended.
    pub fn forget(&mut self, session: u64) {
        self.0.retain(|grant| grant.session() != session);
    }
}

/// When it ends by itself at the latest.
fn end(grant: &Grant) -> BootNanos {
    grant.until.unwrap_or(BootNanos(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        facts::ReasonTerm,
        holds::tests::{destination, hold},
    };

    const NOW: BootNanos = BootNanos(1_000);

    fn given(extent: Extent) -> Grants {
        let mut grants = Grants::default();
        grants.give(&Hold { number: 3, ..hold(1, 50) }, extent, NOW, "uid 0".into());
        grants
    }

    fn more(times: Option<u32>, scope: Scope) -> Extent {
        Extent::More(More { reach: None, times, scope })
    }

    /// Whether it lets a connection of a session to a host go on, under a rule.
    fn lets(grants: &mut Grants, session: u64, host: &str, rule: &str, now: BootNanos) -> bool {
        let (object, terms) = (destination(host, [192, 0, 2, 9]), Terms::default());
        let severity = Severity::High;
        grants.take(&Asked { session, object: &object, rule, severity, terms: &terms }, now).is_some()
    }

    #[test]
    fn it_reaches_the_same_name_and_session_and_ends() {
        let mut grants = given(Extent::lasting(Duration::from_nanos(10)));
        assert!(lets(&mut grants, 1, "api.example", "any", BootNanos(1_009)));
        assert!(!lets(&mut grants, 2, "api.example", "any", BootNanos(1_009)));
        assert!(!lets(&mut grants, 1, "other.example", "any", BootNanos(1_009)));
        assert!(!lets(&mut grants, 1, "api.example", "any", BootNanos(1_010)));
        assert!(grants.all().is_empty());
    }

    #[test]
    fn it_is_used_up_or_lasts_as_long_as_the_session() {
        let mut grants = given(more(Some(2), Scope::Object));
        let uses = (0..3).map(|_| lets(&mut grants, 1, "api.example", "infra", NOW)).collect::<Vec<_>>();
        assert_eq!(uses, [true, true, false]);
        let mut grants = given(more(None, Scope::Object));
        assert!(lets(&mut grants, 1, "api.example", "infra", BootNanos(u64::MAX)));
        grants.forget(1);
        assert!(grants.all().is_empty());
    }

    #[test]
    fn a_wide_one_reaches_other_hosts_under_the_same_rule() {
        let mut grants = given(more(None, Scope::Class));
        assert!(lets(&mut grants, 1, "other.example", "infra", NOW));
        assert!(!lets(&mut grants, 1, "other.example", "database", NOW));
        let mut none = given(more(None, Scope::Provider));
        assert!(
            none.all().is_empty() && !lets(&mut none, 1, "api.example", "infra", NOW),
            "no provider is known"
        );
    }

    #[test]
    fn what_was_easy_to_get_does_not_answer_what_is_harder_to_get() {
        let mut grants = given(more(None, Scope::Object));
        let object = destination("api.example", [192, 0, 2, 9]);
        let terms = Terms { reason: ReasonTerm::Required, ..Terms::default() };
        let high = Severity::High;
        let asked = Asked { session: 1, object: &object, rule: "infra", severity: high, terms: &terms };
        assert!(grants.take(&asked, NOW).is_none());
        let graver = Asked { rule: "other", severity: Severity::Critical, terms: &Terms::default(), ..asked };
        assert!(grants.take(&graver, NOW).is_none(), "nor what a graver rule holds");
        assert!(lets(&mut grants, 1, "api.example", "infra", NOW));
    }

    #[test]
    fn it_is_taken_back_and_found_again_as_an_earlier_version_saved_it() {
        let mut grants = given(more(None, Scope::Object));
        assert!(grants.revoke(4).is_empty());
        assert_eq!(grants.revoke(3)[0].id(), "g3");
        assert!(!lets(&mut grants, 1, "api.example", "infra", NOW));
        let saved =
            r#"[{"question":{"session":1,"about":"connect api.example:443"},"until":2000,"by":"uid 0"}]"#;
        grants.restore(serde_json::from_str(saved).unwrap(), |_| true);
        assert!(lets(&mut grants, 1, "api.example", "infra", NOW));
        assert!(!lets(&mut grants, 1, "api.example", "infra", BootNanos(2_000)));
    }
}
