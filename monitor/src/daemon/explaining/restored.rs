//! Holds of an earlier daemon, told by what it told then.

use serde_json::Value;

use super::Account;
use crate::daemon::engine::Engine;
use interlock_core::{
    explanation::Explanation,
    facts::SessionId,
    holds::{Hold, Holds},
};

/// What no account has.
const LOST: &str = "what it was judged by (the session's memory and the rules) did not survive a restart of the daemon: this \
    is what was told of it when it was held, and it cannot be judged again";
/// What a hold has that has no account.
const LOST_ACCOUNT: &str = "it was held before a restart of the daemon, or more than 512 holds ago, and neither what it was \
    judged by nor what was told of it then is kept any more: the text of the rule, the secrets that the session had read \
    before and which processes read them are not known";

impl Engine {
    /// Why the holds that wait do.
    pub fn accounts_of_waiting(&self) -> Vec<Account> {
        let waits =
            |account: &&Account| self.decider.holds().waiting().any(|hold| hold.number == account.hold);
        self.explanations.accounts.iter().filter(waits).cloned().collect()
    }

    /// A hold by its id, with its session's user.
    pub(super) fn told_of_hold(&self, id: &str) -> Option<(u32, Explanation)> {
        let number = id.strip_prefix('h').and_then(Holds::number)?;
        match self.explanations.accounts.of(number) {
            Some(account) => Some((account.owner, self.tell_account(account))),
            None => self.decider.holds().get(number).map(|hold| self.tell_unaccounted(hold)),
        }
    }

    /// An event about a hold.
    pub(super) fn told_by_hold(&self, id: &str, event: &Value) -> Option<(u32, Explanation)> {
        let hold = event.get("hold.id")?.as_str()?;
        let (owner, mut told) = self.told_of_hold(hold)?;
        told.id = id.to_owned();
        // `flow-held TARGET: …`: the event has a name of its own.
        if let (Some(name), Some((_, rest))) =
            (event.get("event.action").and_then(Value::as_str), told.headline.split_once(' '))
        {
            told.headline = format!("{name} {rest}");
        }
        told.event = event.clone();
        Some((owner, told))
    }

    fn tell_account(&self, account: &Account) -> Explanation {
        let mut told = (*account.explanation).clone();
        told.reloaded =
            told.rules_sha256.as_deref().is_some_and(|sha256| sha256 != self.policies.rules.sha256());
        told.unknown.insert(0, LOST.to_owned());
        told
    }

    /// Only the hold itself is known.
    fn tell_unaccounted(&self, hold: &Hold) -> (u32, Explanation) {
        let session = SessionId(hold.session);
        let name = if hold.callers.is_empty() { "flow-held" } else { "syscall-held" };
        let is_alive = self.decider.sessions.session_of(hold.pid) == Some(session);
        let lineage = if is_alive {
            self.lineage(session, hold.pid)
        } else {
            vec![format!("{} {}", hold.pid, hold.command)]
        };
        let rule = format!("the rule {} said: {}", hold.rule, hold.summary);
        let told = Explanation {
            id: hold.id(),
            headline: format!("{name} {}: {}", hold.target(), hold.summary),
            at: self.wall(hold.since),
            session: session.to_string(),
            lineage,
            object: [hold.target(), rule].into_iter().chain(hold.because.iter().cloned()).collect(),
            unknown: vec![LOST_ACCOUNT.to_owned()],
            ..Explanation::default()
        };
        (self.owner(session), told)
    }
}
