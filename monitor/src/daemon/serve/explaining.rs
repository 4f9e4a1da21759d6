//! `interlock explain`: a decision is explained afterwards.

use serde_json::Value;

use crate::{
    control::{api::Refusal, command::RequestError, peer::Caller},
    daemon::{
        apply,
        context::{Context, reporter::explanations},
        serve::{permissions, restored},
    },
};
use interlock_core::{
    decide::Input,
    explanation::Explanation,
    holds::{Holds, evidence::Evidence},
    sessions::Registry,
};

/// What is explained.
const EXPLAINED: &str = "the last holds and events of this daemon are explained: see `interlock events`, `interlock \
    holds --all`";

/// Who waits under a hold counts as shown by it, unless that is a `peek`.
pub fn explain(
    ctx: &mut Context,
    caller: &Caller,
    text: &str,
    peek: bool,
) -> Result<Explanation, RequestError> {
    let known = explanation(ctx, text).filter(|(owner, _)| permissions::sees(&ctx.config, caller, *owner));
    let mut explanation = known.map(|(_, explanation)| explanation).ok_or_else(|| {
        RequestError::NotFound(Refusal {
            error: format!("nothing is known about {text:?}"),
            hint: Some(EXPLAINED.into()),
        })
    })?;
    if let Some(hold) = Holds::number(text).and_then(|number| ctx.decider.holds().get(number)) {
        let hold_number = hold.number;
        let others = hold.company.lines().into_iter().map(|other| format!("also waits: {other}"));
        explanation.object.extend(others);
        explanation.evidence = Some(Evidence::of(hold).token().to_owned());
        if !peek {
            apply::step(ctx, Input::Shown { hold: hold_number });
        }
    }
    Ok(explanation)
}

/// Explains a decision by the id of an event or a hold, with its session's user.
fn explanation(ctx: &Context, id: &str) -> Option<(u32, Explanation)> {
    match ctx.reporter.explanations.find(id) {
        Some(reported) => Some((
            reported.owner,
            explanations::explain(
                &ctx.reporter.wall,
                &ctx.decider.sessions,
                &ctx.decider.settings.rules,
                reported,
            ),
        )),
        None => restored::explain_hold(ctx, id).or_else(|| {
            let event = ctx.reporter.channels.bus.find(id)?;
            Some(
                restored::explain_by_hold(ctx, id, &event)
                    .unwrap_or_else(|| explain_unjudged(&ctx.decider.sessions, id, &event)),
            )
        }),
    }
}

/// An event of which it is not known what it was judged by, or that no rule is asked about.
fn explain_unjudged(sessions: &Registry, id: &str, event: &Value) -> (u32, Explanation) {
    let field = |name| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, session) = (field("event.action"), field("interlock.session.id"));
    let known = sessions.find(session);
    let pid = event.get("process.pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
    let acted = known.zip(pid).filter(|(id, pid)| sessions.session_of(*pid) == Some(*id));
    let explanation = Explanation {
        id: id.to_owned(),
        headline: format!("{name}: there is no decision to explain"),
        at: field("@timestamp").parse().unwrap_or_default(),
        session: session.to_owned(),
        lineage: acted.map(|(id, pid)| sessions.lineage_of(id, pid)).unwrap_or_default(),
        object: vec![why_unjudged(event).to_owned()],
        event: event.clone(),
        ..Explanation::default()
    };
    // Of a session that has ended, the event itself says whose it was. Fails closed: otherwise it is root's alone.
    let told = || field("user.id").parse().unwrap_or(0);
    (known.map_or_else(told, |id| explanations::owner(sessions, id)), explanation)
}

fn why_unjudged(event: &Value) -> &'static str {
    let has = |name| event.get(name).is_some();
    match event.get("event.action").and_then(Value::as_str) {
        _ if has("interlock.hold.id") => {
            "nothing is known of its hold any more: that was before the daemon's start"
        }
        _ if has("interlock.secret.pack") => {
            "its provider's pack is switched off: it is recorded, and no rule was asked"
        }
        _ if has("interlock.action") => {
            "it was judged, but too much has happened since: the last 512 events that a rule matched, and 256 others, are kept"
        }
        Some("connect") => {
            "the session has read a secret that a rule asks for, so the connection is judged when its first data leaves: \
             see the next flow event of the process"
        }
        _ => "it tells what was done or noticed, and is no act that rules are asked about",
    }
}
