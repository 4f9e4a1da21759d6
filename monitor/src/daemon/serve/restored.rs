//! Holds of an earlier daemon, explained by what it said then.

use serde_json::Value;

use crate::daemon::context::{
    Context,
    reporter::explanations::{self, accounts::Account},
};
use interlock_core::{
    explanation::Explanation,
    facts::SessionId,
    holds::{Hold, Holds},
    rules::RuleSet,
};

/// What no account has.
const LOST: &str = "what it was judged by (the session's memory and the rules) did not survive a restart of the daemon: this \
    is what was told of it when it was held, and it cannot be judged again";
/// What a hold has that has no account.
const LOST_ACCOUNT: &str = "it was held before a restart of the daemon, or more than 512 holds ago, and neither what it was \
    judged by nor what was told of it then is kept any more: the text of the rule, the secrets that the session had read \
    before and which processes read them are not known";

/// A hold by its id, with its session's user.
pub fn explain_hold(ctx: &Context, id: &str) -> Option<(u32, Explanation)> {
    let number = id.strip_prefix('h').and_then(Holds::number)?;
    match ctx.reporter.explanations.accounts.of(number) {
        Some(account) => Some((account.owner, explain_account(&ctx.decider.settings.rules, account))),
        None => ctx.decider.holds().get(number).map(|hold| explain_unaccounted(ctx, hold)),
    }
}

/// An event about a hold.
pub fn explain_by_hold(ctx: &Context, id: &str, event: &Value) -> Option<(u32, Explanation)> {
    let hold = event.get("interlock.hold.id")?.as_str()?;
    let (owner, mut explanation) = explain_hold(ctx, hold)?;
    explanation.id = id.to_owned();
    // `flow-held TARGET: …`: the event has a name of its own.
    if let (Some(name), Some((_, rest))) =
        (event.get("event.action").and_then(Value::as_str), explanation.headline.split_once(' '))
    {
        explanation.headline = format!("{name} {rest}");
    }
    explanation.event = event.clone();
    Some((owner, explanation))
}

fn explain_account(rules: &RuleSet, account: &Account) -> Explanation {
    let mut explanation = (*account.explanation).clone();
    explanation.reloaded = explanation.rules_sha256.as_deref().is_some_and(|sha256| sha256 != rules.sha256());
    explanation.unknown.insert(0, LOST.to_owned());
    explanation
}

/// Only the hold itself is known.
fn explain_unaccounted(ctx: &Context, hold: &Hold) -> (u32, Explanation) {
    let session = SessionId(hold.session);
    let name = if hold.callers.is_empty() { "flow-held" } else { "syscall-held" };
    let is_alive = ctx.decider.sessions.session_of(hold.pid) == Some(session);
    let lineage = if is_alive {
        ctx.decider.sessions.lineage_of(session, hold.pid)
    } else {
        vec![format!("{} {}", hold.pid, hold.command)]
    };
    let rule = format!("the rule {} said: {}", hold.rule, hold.summary);
    let explanation = Explanation {
        id: hold.id(),
        headline: format!("{name} {}: {}", hold.target(), hold.summary),
        at: ctx.reporter.wall.at(hold.since),
        session: session.to_string(),
        lineage,
        object: [hold.target(), rule].into_iter().chain(hold.because.iter().cloned()).collect(),
        unknown: vec![LOST_ACCOUNT.to_owned()],
        ..Explanation::default()
    };
    (explanations::owner(&ctx.decider.sessions, session), explanation)
}
