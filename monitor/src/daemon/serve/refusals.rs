//! How requests are refused.

use std::path::Path;

use serde_json::json;

use crate::control::{api::Refusal, command::RequestError};
use interlock_core::{
    decide::Objection,
    facts::HoldState,
    holds::{Hold, Undecidable, reason::Unfit},
    words::Word as _,
};
use interlock_host::clock::Wall;

pub fn refusal(error: &str) -> Refusal {
    Refusal { error: error.to_owned(), hint: None }
}

/// Of a reason that cannot be kept.
pub fn unfit(why: Unfit) -> RequestError {
    RequestError::Invalid(refusal(&why.to_string()))
}

pub fn with_hint(refusal: Refusal, hint: &str) -> Refusal {
    Refusal { hint: Some(hint.to_owned()), ..refusal }
}

pub fn not_permitted(error: &str) -> RequestError {
    RequestError::NotPermitted(refusal(error))
}

pub fn objected(hold: &Hold, objection: &Objection) -> RequestError {
    let id = hold.id();
    match objection {
        Objection::Undecidable(why) => undecidable(hold.number, why),
        Objection::Frozen(session) => RequestError::Conflict(Refusal {
            error: format!("session {session} is frozen"),
            hint: Some(format!("interlock thaw {session}")),
        }),
        Objection::Unseen(lines) => RequestError::Conflict(Refusal {
            error: format!("more waits under {id} than you were shown: {}", lines.join("; ")),
            hint: Some(format!("interlock explain {id}, then interlock approve {id}")),
        }),
        Objection::OtherEvidence => RequestError::Conflict(Refusal {
            error: format!("{id} is not what you were shown: its evidence is another by now"),
            hint: Some(format!("interlock explain {id} shows what it is about, and its evidence")),
        }),
        Objection::Owner(owner) => RequestError::NotPermitted(Refusal {
            error: format!(
                "user {owner}, whose session it is, may not approve {id}: its rule {} asks for others",
                hold.rule
            ),
            hint: Some("its owner may deny it".to_owned()),
        }),
        Objection::ClusterOwner(user) => RequestError::NotPermitted(Refusal {
            error: format!(
                "kubernetes user {user}, whose workspace it is, may not approve {id}: its rule {} asks for others",
                hold.rule
            ),
            hint: Some("its owner may deny it".to_owned()),
        }),
        Objection::Incomparable(by) => RequestError::Conflict(Refusal {
            error: format!("{by} has approved {id} already, and nobody can say whether that is you"),
            hint: Some(format!(
                "its rule {} asks for {} persons: both through the cluster, or both on the machine",
                hold.rule, hold.terms.count
            )),
        }),
        Objection::Nobody => RequestError::NotPermitted(Refusal {
            error: format!(
                "nobody can say which person you are, and the rule {} of {id} asks for certain ones: root that no user has logged in \
                 for may be any of them",
                hold.rule
            ),
            hint: Some("log in as yourself, and decide from there, by `sudo` if need be".to_owned()),
        }),
        Objection::NotIn(groups) => RequestError::NotPermitted(Refusal {
            error: format!("{id} is approved by members of {} alone", groups.join(" or ")),
            hint: Some(format!("the rule {} says so in `approve.by`; root is no exception", hold.rule)),
        }),
        Objection::Twice(by) => RequestError::Conflict(Refusal {
            error: format!("{by} is the same person and has approved {id} already"),
            hint: Some(format!("its rule {} asks for {} persons", hold.rule, hold.terms.count)),
        }),
        Objection::ReasonMissing => RequestError::Invalid(Refusal {
            error: format!("{id} is approved with a reason alone, says its rule {}", hold.rule),
            hint: Some(format!("interlock approve {id} --reason TEXT")),
        }),
        Objection::Unproven(factor) => RequestError::NotPermitted(Refusal {
            error: format!(
                "{id} is approved with a proof of who you are ({}), says its rule {}",
                factor.word(),
                hold.rule
            ),
            hint: Some("a denial needs none".to_owned()),
        }),
        Objection::TooLong => {
            RequestError::Invalid(refusal("an approval reaches at most 24 h, and 1,000 further times"))
        }
        Objection::TooWide(why) => RequestError::Invalid(Refusal {
            error: format!("{id} cannot be approved so widely: {why}"),
            hint: Some(format!("interlock approve {id} lets go on what waits")),
        }),
        Objection::Never(why) => RequestError::NotPermitted(Refusal {
            error: format!("{id} is approved by nobody: {why}"),
            hint: Some(format!("interlock deny {id}; where it is meant, an exception in the rules says so")),
        }),
    }
}

/// What lets something go on cannot be recorded, for that reason.
pub fn unrecorded(ledger: &Path, why: &str, done: &str) -> RequestError {
    RequestError::Conflict(Refusal {
        error: format!(
            "the ledger cannot be written, so nothing is {done} (on_full = \"hold\"): {}: {why}",
            ledger.display()
        ),
        hint: Some("make room for it, or repair its disk; denying and freezing go on".to_owned()),
    })
}

pub fn undecidable(number: u64, why: &Undecidable) -> RequestError {
    match why {
        Undecidable::Unknown => RequestError::NotFound(refusal(&format!("there is no hold h{number}"))),
        Undecidable::Already(state) => RequestError::Conflict(refusal(&format!(
            "h{number} was decided before: {}",
            json!(state).as_str().unwrap_or("?")
        ))),
    }
}

/// What has become of a hold: by whom, when, and why.
pub fn decided_before(wall: &Wall, hold: &Hold) -> RequestError {
    let id = hold.id();
    let what = match hold.state {
        HoldState::Waiting => "waits".to_owned(), // never refused for that
        HoldState::Approved => "was approved".to_owned(),
        HoldState::Denied => "was denied".to_owned(),
        HoldState::Expired => "expired: nobody answered in time".to_owned(),
        HoldState::Gone => "is gone: the program gave up, or ended, before anybody answered".to_owned(),
    };
    let by =
        hold.decided_by.as_ref().filter(|_| matches!(hold.state, HoldState::Approved | HoldState::Denied));
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    let at = hold.decided_at.map(|at| format!(" at {:.0}", wall.at(at))).unwrap_or_default();
    let why = hold.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let hint = match hold.state {
        HoldState::Approved => {
            format!("what it lets go on later: interlock grants; interlock revoke g{}", hold.number)
        }
        _ => "interlock holds --all".to_owned(),
    };
    RequestError::Conflict(Refusal { error: format!("{id} {what}{by}{at}{why}"), hint: Some(hint) })
}

pub fn one_of(what: &str, ids: &[String]) -> String {
    if ids.is_empty() { format!("nothing is {what}") } else { format!("{what}: {}", ids.join(", ")) }
}
