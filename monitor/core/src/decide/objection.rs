//! Whether a hold may be approved, and why not.

use std::time::Duration;

use super::{decider::Decider, input::Approval};
use crate::{
    facts::{FactorKind, HoldState, ReasonTerm, SessionId},
    holds::{Given, Hold, Undecidable, evidence::Evidence},
};

/// Longest time an approval may reach.
const REACH_MAX: Duration = Duration::from_secs(24 * 3600);

/// Why a hold may not be approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    Undecidable(Undecidable),
    /// Only a thaw lets anything of its session go on.
    Frozen(SessionId),
    /// The person was shown something else than what waits.
    OtherEvidence,
    /// More waits under it than anybody was shown: these.
    Unseen(Vec<String>),
    /// It would reach further than an approval may.
    TooLong,
    /// The session's owner may not be who answers.
    Owner(u32),
    /// Who approves is in none of the groups that the rule names.
    NotIn(Vec<String>),
    /// This person has approved already, and the rule asks for another: who has.
    Twice(String),
    /// The rule asks for a reason.
    ReasonMissing,
    /// The rule asks for a proof of who it is.
    Unproven(FactorKind),
}

impl Decider {
    /// Whether the hold may be approved so, as it stands.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn may_approve(&self, approval: &Approval) -> Result<&Hold, Objection> {
        let hold = self.holds.get(approval.hold).ok_or(Objection::Undecidable(Undecidable::Unknown))?;
        if hold.state != HoldState::Waiting {
            return Err(Objection::Undecidable(Undecidable::Already(hold.state)));
        }
        let id = SessionId(hold.session);
        if self.is_frozen(id) {
            return Err(Objection::Frozen(id));
        }
        is_shown(hold, approval)?;
        if approval.reach.is_some_and(|reach| reach > REACH_MAX) {
            return Err(Objection::TooLong);
        }
        meets_terms(hold, approval)?;
        Ok(hold)
    }
}

/// Whether the person knows what is approved. Who names the evidence says so; else it counts what was shown to anybody.
fn is_shown(hold: &Hold, approval: &Approval) -> Result<(), Objection> {
    if let Some(named) = &approval.evidence {
        return if Evidence::of(hold).is_named_by(named) { Ok(()) } else { Err(Objection::OtherEvidence) };
    }
    let unseen = hold.company.unseen();
    if unseen.is_empty() { Ok(()) } else { Err(Objection::Unseen(unseen)) }
}

/// Whether the person, and what the person says, are what the rule asks for. Fails closed: who is nobody's user meets no terms.
fn meets_terms(hold: &Hold, approval: &Approval) -> Result<(), Objection> {
    let terms = &hold.terms;
    let persons = approval.who.persons();
    if terms.excludes_owner()
        && let Some(owner) = hold.owner.filter(|owner| persons.contains(owner))
    {
        return Err(Objection::Owner(owner));
    }
    if let Some(groups) =
        terms.groups().find(|groups| !groups.iter().any(|group| approval.groups.contains(group)))
    {
        return Err(Objection::NotIn(groups.clone()));
    }
    if let Some(given) = hold.given().find(|given| is_same_person(given, &persons)) {
        return Err(Objection::Twice(given.by.clone()));
    }
    if terms.reason == ReasonTerm::Required && approval.reason.is_none() {
        return Err(Objection::ReasonMissing);
    }
    match terms.factor {
        Some(factor) if approval.factor != Some(factor) => Err(Objection::Unproven(factor)),
        _ => Ok(()),
    }
}

fn is_same_person(given: &Given, persons: &[u32]) -> bool {
    given.persons.iter().any(|person| persons.contains(person))
}
