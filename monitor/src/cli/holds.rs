//! `interlock holds`, `approve`, `deny`.

use clap::Args;
use jiff::Timestamp;

use super::{
    exit::{Exit, Failure},
    extent::Extent,
    global::Reading,
    language::{id, plain, since, word},
    printer::Printer,
    sessions::IN_THE_BACKGROUND,
    strength::{Strength, wanted},
    wait::wait,
};
use crate::control::{
    api::{Approval, Denial, HoldView},
    client::{Client, ClientError},
    factors::WantedStatement,
};
use interlock_core::{
    facts::{FactorKind, HoldState, ReasonTerm, Terms},
    holds::{
        evidence::{TOKEN, WHOLE},
        reason::Unfit,
    },
};

const HEADERS: [&str; 8] = ["ID", "STATE", "AGE", "SESSION", "COMMAND", "DESTINATION", "RULE", "IN SILENCE"];

#[derive(Args, Debug)]
pub struct Holds {
    /// Also the last decided ones
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    pub reading: Reading,
}

impl Holds {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let holds: Vec<HoldView> = wait(async { Ok(client.get(path(self.all)).await?) })?;
        let none = if self.all { "no holds" } else { "nothing waits for a decision" };
        printer.list(&holds, none, &HEADERS, |hold| row(hold, Timestamp::now()))?;
        if let Some(hold) = holds.iter().find(|hold| hold.state == HoldState::Waiting && !printer.is_json()) {
            let id = &hold.id;
            if let Some(terms) = hold.terms.sentence() {
                printer.say(&format!("{id}: {terms}"));
            }
            // Each on a line of its own, as it is copied.
            printer.say(&format!(
                "see why:  interlock explain {id}\nthen:     interlock approve {id} --evidence {}{}\nor:       interlock deny {id}",
                hold.evidence,
                asked_for(&hold.terms),
            ));
        }
        Ok(Exit::Success)
    }
}

/// What the rule wants with an approval, as options.
fn asked_for(terms: &Terms) -> String {
    let reason = if terms.reason == ReasonTerm::Required { " --reason TEXT" } else { "" };
    let factor = match terms.factor {
        None => "",
        Some(FactorKind::Totp) => " --code",
        Some(FactorKind::Key) => " --sign FILE",
    };
    format!("{reason}{factor}")
}

fn path(all: bool) -> &'static str {
    if all { "/v1/holds?all=true" } else { "/v1/holds" }
}

fn row(hold: &HoldView, now: Timestamp) -> Vec<String> {
    let by = hold.decided_by.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    let so_far = if hold.approvals.is_empty() { String::new() } else { format!(" ({})", so_far(hold)) };
    let silence = match hold.deadline {
        Some(deadline) => format!("{} in {}", word(hold.then), since(now, deadline)),
        None => "waits".into(),
    };
    vec![
        hold.id.clone(),
        word(hold.state) + &by + &so_far,
        since(hold.since, now),
        format!("{} {}", hold.agent, hold.session),
        std::iter::once(format!("{} {}", hold.pid, hold.command))
            .chain(hold.others.iter().cloned())
            .collect::<Vec<_>>()
            .join("; "),
        hold.destination.clone(),
        hold.rule.clone(),
        if hold.state == HoldState::Waiting { silence } else { "-".into() },
    ]
}

#[derive(Args, Debug)]
pub struct Approve {
    /// As `interlock holds` prints it
    #[arg(value_parser = id)]
    id: String,
    #[command(flatten)]
    extent: Extent,
    /// What you were shown, as `interlock holds` and `explain` print it; refused if it is about something else by now
    #[arg(long, value_name = "TOKEN", value_parser = evidence)]
    evidence: Option<String>,
    /// Why, in one line: it is recorded, and told to whoever asked
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    #[command(flatten)]
    strength: Strength,
}

impl Approve {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let (for_seconds, times) = (self.extent.time.map(|time| time.as_secs()), self.extent.times);
        let (session, scope) = (self.extent.session, self.extent.scope());
        let reason = self.reason.clone();
        let wanted = WantedStatement {
            for_seconds,
            times,
            session,
            scope,
            reason: reason.clone(),
            ..wanted("approve", &self.id)
        };
        let Some(proof) = self.strength.proof(client, printer, wanted)? else { return Ok(Exit::Success) };
        let evidence = self.evidence.clone();
        let approval =
            Approval { for_seconds, times, session, scope, evidence, reason, proof, ..Approval::default() };
        let hold = decide(client, &self.id, "approve", &approval)?;
        printer.data(&approved(&hold, &self.extent))?;
        say_where_its_keys_are(&hold, printer);
        Ok(Exit::Success)
    }
}

/// What an approval came to: it may be one of two.
fn approved(hold: &HoldView, extent: &Extent) -> String {
    if hold.state != HoldState::Waiting {
        return released(hold, extent);
    }
    let HoldView { id, command, pid, terms, .. } = hold;
    plain(&format!(
        "{}; {id} goes on waiting: {command} (pid {pid}) needs {} persons",
        so_far(hold),
        terms.count
    ))
}

/// `1 of 2: uid 1000`.
fn so_far(hold: &HoldView) -> String {
    let by: Vec<&str> = hold.approvals.iter().map(|given| given.by.as_str()).collect();
    format!("{} of {}: {}", by.len(), hold.terms.count, by.join(", "))
}

fn released(hold: &HoldView, extent: &Extent) -> String {
    let further = extent.further(&hold.session);
    let HoldView { id, pid, command, others, destination, .. } = hold;
    let beside = match others.len() {
        0 => String::new(),
        more => format!(", and {more} that waited with it,"),
    };
    plain(&format!("released {id}: {command} (pid {pid}){beside} goes on to {destination}{further}"))
}

#[derive(Args, Debug)]
pub struct Deny {
    /// As `interlock holds` prints it
    #[arg(value_parser = id)]
    id: String,
    /// Why, in one line: it is recorded, and told to whoever asked
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// What you were shown: it is recorded
    #[arg(long, value_name = "TOKEN", value_parser = evidence)]
    evidence: Option<String>,
}

impl Deny {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let denial = Denial { reason: self.reason.clone(), evidence: self.evidence.clone() };
        let hold = decide(client, &self.id, "deny", &denial)?;
        let HoldView { id, pid, command, destination, .. } = &hold;
        printer.data(&plain(&format!("denied {id}: {command} (pid {pid}) does not reach {destination}")))?;
        say_where_its_keys_are(&hold, printer);
        Ok(Exit::Success)
    }
}

/// A reason that the daemon takes.
pub(super) fn reason(text: &str) -> Result<String, Unfit> {
    interlock_core::holds::reason::reason(text)
}

/// A token of evidence, or more of its hash.
pub(super) fn evidence(text: &str) -> Result<String, String> {
    let fits = (TOKEN..=WHOLE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if fits {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected the 16 digits that `interlock holds` prints".into())
    }
}

/// A held call stops its program as Ctrl-Z does.
fn say_where_its_keys_are(hold: &HoldView, printer: &Printer) {
    if hold.background {
        printer.say(IN_THE_BACKGROUND);
    }
}

fn decide(client: &Client, id: &str, verb: &str, body: &impl serde::Serialize) -> Result<HoldView, Failure> {
    wait(async {
        match client.post(&format!("/v1/holds/{id}/{verb}"), body).await {
            Err(error @ ClientError::NotFound(_)) => Err(unknown(client, error, false).await),
            answer => Ok(answer?),
        }
    })
}

/// The daemon's "not found", with the holds there are.
pub(super) async fn unknown(client: &Client, error: ClientError, all: bool) -> Failure {
    let holds: Vec<HoldView> = client.get(path(all)).await.unwrap_or_default();
    let ids: Vec<&str> = holds.iter().map(|hold| hold.id.as_str()).collect();
    match ids.as_slice() {
        [] => Failure::new(Exit::Negative, format_args!("{error}; there are no holds")),
        ids => Failure::new(Exit::Negative, format_args!("{error}; the holds are {}", ids.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::{printer::table, tests::sample};

    #[test]
    fn a_hold_says_what_happens_in_silence() {
        let now = Timestamp::from_second(130).unwrap();
        let decided = HoldView {
            state: HoldState::Approved,
            decided_by: Some("alice".into()),
            deadline: None,
            ..sample::hold()
        };
        let rows = [sample::hold(), decided].iter().map(|hold| row(hold, now)).collect();
        insta::assert_snapshot!(table(&HEADERS, rows, None), @"
        ID  STATE              AGE  SESSION                 COMMAND            DESTINATION                             RULE                        IN SILENCE
        h1  waiting            30s  claude-code 4711-0a1b2  4722 curl -X POST  backboard.railway.app:443 (66.33.22.1)  infra-after-foreign-secret  freeze in 9m30s
        h1  approved by alice  30s  claude-code 4711-0a1b2  4722 curl -X POST  backboard.railway.app:443 (66.33.22.1)  infra-after-foreign-secret  -
        ");
    }

    #[test]
    fn an_approval_says_what_was_released_and_to_where() {
        let mut ten = Extent::default();
        ten.time = Some(Duration::from_secs(600));
        insta::assert_snapshot!(released(&sample::hold(), &Extent::default()), @"released h1: curl -X POST (pid 4722) goes on to backboard.railway.app:443 (66.33.22.1)");
        insta::assert_snapshot!(released(&sample::hold(), &ten), @"released h1: curl -X POST (pid 4722) goes on to backboard.railway.app:443 (66.33.22.1); session 4711-0a1b2 may do so again for 10m");
    }
}
