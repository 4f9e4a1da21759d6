//! Factors come, go and are listed: whose, and by what.
//!
//! A user enrols their first factor as who the kernel says they are, out of every session; a further one, and taking one away, takes
//! one that they have. Root does it for everybody.

use super::{given::in_words, statements};
use crate::{
    control::{
        command::{RequestError, Strength},
        factors::{FactorRemoval, FactorView, Hidden, NewFactor},
        peer::Caller,
    },
    daemon::{
        context::{
            Context,
            mailbox::verifier::{Plan, Then},
        },
        serve::refusals::{not_permitted, refusal},
    },
    factor::{
        check::{Need, Proof},
        enrol::{self, Changed, New},
        enrolled::Enrolled,
        store::Survey,
    },
};
use interlock_core::{
    facts::Severity,
    health::{Check, CheckState},
    record::{Factor, Kind, Who},
};

/// Whose factors are meant.
fn whose(caller: &Caller, user: Option<u32>) -> Result<u32, RequestError> {
    let user = user.unwrap_or(caller.uid);
    if user == caller.uid || caller.uid == 0 {
        return Ok(user);
    }
    Err(not_permitted(&format!("only root sees and changes the factors of user {user}")))
}

/// Root needs none: who may remove the file may change it.
fn need(caller: &Caller) -> Need {
    Need { if_enrolled: caller.uid != 0, rule: None }
}

pub fn plan_list(ctx: &Context, caller: &Caller, user: Option<u32>) -> Result<Plan, RequestError> {
    let then = Then::List { user: whose(caller, user)? };
    let statement = statements::of_factor(ctx, caller, "factor-list", "-");
    Ok(Plan { statement, proof: Proof::default(), need: Need::default(), then })
}

pub fn plan_add(ctx: &Context, caller: &Caller, new: &NewFactor) -> Result<Plan, RequestError> {
    let user = whose(caller, new.user)?;
    let NewFactor { secret, code, key, verify_required, possession, proof, .. } = new.clone();
    let new = match (secret, code, key) {
        (Some(Hidden(secret)), Some(Hidden(code)), None) => New::Device { secret, code },
        (None, None, Some(line)) => {
            New::Key { line, verify_required, possession: possession.unwrap_or_default() }
        }
        _ => {
            let error = "expected a secret and its code, or a key";
            return Err(RequestError::Invalid(refusal(error)));
        }
    };
    let what = enrol::object(user, &new).map_err(|why| RequestError::Invalid(refusal(&why)))?;
    let statement = statements::of_factor(ctx, caller, "factor-add", &what);
    Ok(Plan {
        statement,
        proof: proof.unwrap_or_default(),
        need: need(caller),
        then: Then::Add { user, new },
    })
}

pub fn plan_removal(
    ctx: &Context,
    caller: &Caller,
    id: &str,
    removal: &FactorRemoval,
) -> Result<Plan, RequestError> {
    let user = whose(caller, removal.user)?;
    let statement = statements::of_factor(ctx, caller, "factor-remove", id);
    let then = Then::Remove { user, id: id.to_owned() };
    Ok(Plan { statement, proof: removal.proof.clone().unwrap_or_default(), need: need(caller), then })
}

/// What the thread listed or changed; where it was not asked, `plan` says why.
pub fn found(
    strength: Option<Strength>,
    plan: impl FnOnce() -> Result<Plan, RequestError>,
) -> Result<Vec<FactorView>, RequestError> {
    let nobody_looked = || not_permitted("nobody has looked at the factors");
    match strength {
        Some(Strength::Listed(Ok(enrolled))) => Ok(views(&enrolled)),
        Some(Strength::Changed(_, Ok(changed))) => Ok(views(&changed.enrolled)),
        Some(
            Strength::Listed(Err(refused))
            | Strength::Changed(_, Err(refused))
            | Strength::Proven(_, Err(refused)),
        ) => Err(in_words(&refused)),
        Some(Strength::Proven(_, Ok(_)) | Strength::Surveyed(_)) => Err(nobody_looked()),
        None => Err(plan().err().unwrap_or_else(nobody_looked)),
    }
}

/// It is on disk by now; the record follows, and where it cannot be written that is told as ever.
pub(super) fn tell(ctx: &mut Context, caller: &Caller, changed: &Changed, by: &Factor, change: &'static str) {
    let Changed { enrolled, id, what } = changed;
    let detail = [
        ("change", change.into()),
        ("user", enrolled.user.into()),
        ("factor", id.clone().into()),
        ("what", what.clone().into()),
        ("by", String::from(by.clone()).into()),
    ];
    ctx.reporter.record(Kind::Factor, Who::caller(caller.uid, caller.pid), None, detail);
    let message =
        format!("user {}: the factor {id} ({what}) was {change} by uid {}", enrolled.user, caller.uid);
    let event = ctx
        .reporter
        .event_of_daemon(if change == "added" { "factor-added" } else { "factor-removed" })
        .alert(Severity::High, &message)
        .with("user.id", enrolled.user.to_string())
        .with("process.pid", caller.pid)
        .with("factor.id", id.clone())
        .with("factor.what", what.clone());
    ctx.reporter.publish(&ctx.decider.sessions, event);
}

/// What `interlock doctor` has looked up.
pub fn plan_survey(ctx: &Context, caller: &Caller) -> Plan {
    let statement = statements::of_factor(ctx, caller, "factor-survey", "-");
    Plan { statement, proof: Proof::default(), need: Need::default(), then: Then::Survey }
}

/// How many users have factors, and whose cannot be used.
pub fn check_factors(strength: Option<&Strength>) -> Check {
    let (state, found, advice) = match strength {
        Some(Strength::Surveyed(survey)) => said(survey),
        _ => {
            let advice = "too much is asked about them at once; ask again".to_owned();
            (CheckState::Limited, "nobody has looked".to_owned(), Some(advice))
        }
    };
    Check { subject: "factors".to_owned(), state, found, advice }
}

fn said(survey: &Survey) -> (CheckState, String, Option<String>) {
    let (unusable, shared) = (survey.unusable.len(), survey.shared.len());
    if unusable + shared == 0 {
        let found = match survey.enrolled {
            0 => "no user has enrolled one: decisions take none".to_owned(),
            users => format!("users that have enrolled some: {users}"),
        };
        return (CheckState::Good, found, None);
    }
    let (mut found, mut advice) = (Vec::new(), Vec::new());
    if unusable > 0 {
        found.push(format!("files that cannot be used, whose users approve nothing: {unusable}"));
        advice.push(format!("repair or remove: {}", survey.unusable.join("; ")));
    }
    if shared > 0 {
        found.push(format!("one secret, or one key, counts as several factors: {shared}"));
        advice.push(format!("remove all but one: {}", survey.shared.join("; ")));
    }
    (CheckState::Limited, found.join("; "), Some(advice.join("; ")))
}

fn views(enrolled: &Enrolled) -> Vec<FactorView> {
    let user = enrolled.user;
    let devices = enrolled.devices.iter().map(|device| FactorView {
        id: device.id.clone(),
        factor: "totp".to_owned(),
        user,
        enrolled: device.enrolled,
        drift_seconds: device.drift,
        verify_required: false,
    });
    let keys = enrolled.keys.iter().map(|key| FactorView {
        id: key.id.clone(),
        factor: format!("key {}", key.public.fingerprint()),
        user,
        enrolled: key.enrolled,
        drift_seconds: 0,
        verify_required: key.verify_required,
    });
    devices.chain(keys).collect()
}
