//! Whether a hold may be approved, and why not.

use super::{decider::Decider, input::Approval};
use crate::{
    facts::{DestinationClass, FactorKind, HoldState, ReasonTerm, SessionId},
    holds::{
        Given, Hold, Object, Undecidable,
        evidence::Evidence,
        extent::{Extent, More, REACH_MAX, Scope, TIMES_MAX},
    },
};

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
    /// It would reach to more than an approval of this hold may: why.
    TooWide(&'static str),
    /// Nobody may let that go on: why.
    Never(&'static str),
    /// The session's owner may not be who answers.
    Owner(u32),
    /// The same of a user of the cluster.
    ClusterOwner(String),
    /// Nobody can say which person approves, and the rule asks for certain ones.
    Nobody,
    /// Who approves is in none of the groups that the rule names.
    NotIn(Vec<String>),
    /// This person has approved already, and the rule asks for another: who has.
    Twice(String),
    /// Somebody has approved already of whom nobody can say whether it is the same person: of a user of the cluster and one of
    /// this machine.
    Incomparable(String),
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
        if let Some(why) = self.never(&hold.object) {
            return Err(Objection::Never(why));
        }
        reaches(hold, approval.extent)?;
        self.is_by_others(hold, approval)?;
        is_said(hold, approval)?;
        Ok(hold)
    }

    /// Whether who approves is whom the rule asks for. Fails closed: where nobody can say which person that is, it may be the owner,
    /// or who has approved before.
    fn is_by_others(&self, hold: &Hold, approval: &Approval) -> Result<(), Objection> {
        let terms = &hold.terms;
        if !terms.excludes_owner() {
            return Ok(());
        }
        let persons = approval.who.persons();
        self.is_no_owner(hold, approval, &persons)?;
        if let Some(groups) =
            terms.groups().find(|groups| !groups.iter().any(|group| approval.groups.contains(group)))
        {
            return Err(Objection::NotIn(groups.clone()));
        }
        let user = approval.who.cluster_user();
        for given in hold.given() {
            match (given.cluster_user.as_deref(), user) {
                (Some(before), Some(user)) if before != user => {}
                (None, None) if !is_same_person(given, &persons) => {}
                (Some(_), Some(_)) | (None, None) => return Err(Objection::Twice(given.by.clone())),
                (Some(_), None) | (None, Some(_)) => return Err(Objection::Incomparable(given.by.clone())),
            }
        }
        Ok(())
    }

    /// Whether who approves is somebody, and not the owner.
    fn is_no_owner(&self, hold: &Hold, approval: &Approval, persons: &[u32]) -> Result<(), Objection> {
        if let Some(user) = approval.who.cluster_user() {
            return match approval.owns {
                None => Err(Objection::Nobody),
                Some(true) => Err(Objection::ClusterOwner(user.to_owned())),
                Some(false) => Ok(()),
            };
        }
        if persons.is_empty() {
            return Err(Objection::Nobody);
        }
        match self.owners(hold).find(|owner| persons.contains(owner)) {
            Some(owner) => Err(Objection::Owner(owner)),
            None => Ok(()),
        }
    }

    /// Users whose session asks: whose it is, and who logged in before `sudo` or `su`. As the hold says, which an earlier version may
    /// have saved without them, and as its session does.
    fn owners(&self, hold: &Hold) -> impl Iterator<Item = u32> {
        let session = self.sessions.get(SessionId(hold.session));
        let known = session.map(|session| [Some(session.user), session.login]);
        [hold.owner, hold.login].into_iter().chain(known.into_iter().flatten()).flatten()
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

/// Whether an approval of the hold may reach so far.
fn reaches(hold: &Hold, extent: Extent) -> Result<(), Objection> {
    let Extent::More(More { reach, times, scope }) = extent else { return Ok(()) };
    if reach.is_some_and(|reach| reach > REACH_MAX) || times.is_some_and(|times| times > TIMES_MAX) {
        return Err(Objection::TooLong);
    }
    if times == Some(0) {
        return Err(Objection::TooWide("an approval for 0 further times is one for once"));
    }
    let destination = match &hold.object {
        Object::Connection(destination) => Some(destination),
        Object::Secret(_) | Object::Program(_) | Object::Service(_) => None,
    };
    match scope {
        // How often it ran is known only after it was let run, and what runs is looked at once more then.
        Scope::Object if times.is_some() && matches!(hold.object, Object::Program(_)) => {
            Err(Objection::TooWide(
                "a program is approved for a time or for the session, and not for a number of times",
            ))
        }
        Scope::Object => Ok(()),
        _ if !hold.terms.is_plain() => {
            Err(Objection::TooWide("its rule asks for more than a yes, so each object is approved by itself"))
        }
        Scope::Provider if destination.is_none_or(|to| to.provider.is_none()) => {
            Err(Objection::TooWide("no provider is known of what it is about"))
        }
        Scope::Class if destination.is_none() => {
            Err(Objection::TooWide("what it is about has no class of hosts"))
        }
        Scope::Class if destination.is_some_and(|to| to.class == DestinationClass::Unknown) => {
            Err(Objection::TooWide("nothing is known of the host, so its class is everything"))
        }
        Scope::Provider | Scope::Class => Ok(()),
    }
}

/// Whether what the person says is what the rule asks for, and how the person has proven to be that person.
fn is_said(hold: &Hold, approval: &Approval) -> Result<(), Objection> {
    let terms = &hold.terms;
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
