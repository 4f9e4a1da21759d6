//! People who do all that a rule asks of an approval: a case is about what follows from it.

use crate::{decide::Approval, holds::Hold, record::Who};

/// Users that own no session of a case.
const OTHERS: std::ops::Range<u32> = 65_000..65_535;

/// The approvals that let a hold go on.
pub fn approvals(hold: &Hold) -> Vec<Approval> {
    let users = if hold.terms.excludes_owner() { OTHERS } else { 0..1 };
    let approval = |user| Approval {
        reason: Some("a test".to_owned()),
        groups: hold.terms.groups().flatten().cloned().collect(),
        factor: hold.terms.factor,
        ..Approval::of(hold.number, Who::caller(user, 0))
    };
    users.take(hold.terms.count).map(approval).collect()
}
