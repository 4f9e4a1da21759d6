//! `interlock ps`, `freeze`, `thaw`, `kill`.

use std::io::{self, IsTerminal as _};

use clap::Args;
use jiff::Timestamp;

use super::{
    exit::{Exit, Failure},
    language::{id, plain, since, word},
    printer::{Printer, prompt},
    strength::{Strength, wanted},
    wait::wait,
};
use crate::control::{
    api::{self, SessionView},
    client::{Client, ClientError},
};

/// Of a process that goes on, without the keys of its terminal.
pub(super) const IN_THE_BACKGROUND: &str =
    "its shell has the terminal's keys now: type `fg` there to give them back";

const HEADERS: [&str; 8] = ["SESSION", "AGENT", "STATUS", "AGE", "PROCESSES", "RISK", "TOUCHED", "WORKSPACE"];

pub fn list(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let sessions: Vec<SessionView> = wait(async { Ok(client.get("/v1/sessions").await?) })?;
    let now = Timestamp::now();
    printer.list(&sessions, "no agent sessions", &HEADERS, |session| row(session, now))?;
    Ok(Exit::Success)
}

fn row(session: &SessionView, now: Timestamp) -> Vec<String> {
    let remarks = [
        (session.incomplete, "incomplete"),
        (session.by_signal > 0, "by signal"),
        (session.unattended.is_some(), "unattended"),
        (session.background, "in the background (fg)"),
    ];
    let remarks = remarks.iter().filter(|(holds, _)| *holds).map(|(_, remark)| (*remark).to_owned());
    let remarks = allowance(session, now).into_iter().chain(remarks).map(|remark| format!(", {remark}"));
    vec![
        session.id.clone(),
        session.agent.clone(),
        word(session.status) + &remarks.collect::<String>(),
        since(session.started, now),
        session.processes.to_string(),
        session.risk.to_string(),
        session.touched.len().to_string(),
        session.workspace.clone().unwrap_or_else(|| "unknown".into()) + &place(session),
    ]
}

/// ` in pod dev/web-1 (ann)`, where the cluster has said that.
fn place(session: &SessionView) -> String {
    let Some(pod) = &session.pod else { return String::new() };
    let owner = pod.owner.as_ref().map(|owner| format!(" ({})", plain(&owner.name))).unwrap_or_default();
    format!(" in pod {}/{}{owner}", pod.namespace, pod.name)
}

/// `EVERYTHING ALLOWED for 9m20s (break-glass)`, for lists.
pub(super) fn allowance(session: &SessionView, now: Timestamp) -> Option<String> {
    let suspension = session.suspended.as_ref()?;
    Some(format!("EVERYTHING ALLOWED for {} ({})", since(now, suspension.until), suspension.way.word()))
}

/// A session, by its id.
#[derive(Args, Debug)]
pub struct Chosen {
    /// As `interlock ps` prints it
    #[arg(value_parser = id)]
    session: String,
}

impl Chosen {
    pub fn freeze(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let session = self.send(client, "freeze")?;
        let stopped = format!("frozen: {}, processes: {}", named(&session), session.processes);
        printer.data(&stopped)?;
        printer.say(&format!("let it go on with `interlock thaw {}`", session.id));
        if session.by_signal > 0 {
            printer.say(&format!(
                "{} of them by a signal, as the freezer could not be had: if its shell takes the terminal back, type \
                 `fg` there after the thaw",
                session.by_signal
            ));
        }
        Ok(Exit::Success)
    }

    fn send(&self, client: &Client, verb: &str) -> Result<SessionView, Failure> {
        send(client, &self.session, verb, &())
    }
}

/// A frozen session that is to go on.
#[derive(Args, Debug)]
pub struct Thaw {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    strength: Strength,
}

impl Thaw {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let id = &self.chosen.session;
        let Some(proof) = self.strength.proof(client, printer, wanted("thaw", id))? else {
            return Ok(Exit::Success);
        };
        let session = send(client, id, "thaw", &api::Thaw { proof })?;
        printer.data(&format!("thawed: {}, now {}", named(&session), word(session.status)))?;
        if session.background {
            printer.say(IN_THE_BACKGROUND);
        }
        Ok(Exit::Success)
    }
}

/// A session that is to end.
#[derive(Args, Debug)]
pub struct Kill {
    #[command(flatten)]
    chosen: Chosen,
    /// Do not ask on the terminal
    #[arg(long, short)]
    yes: bool,
}

impl Kill {
    /// Asks first where somebody is there to answer: what was not saved is lost, and nothing brings it back.
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let id = &self.chosen.session;
        if !self.yes && io::stdin().is_terminal() && io::stderr().is_terminal() && !confirmed(id)? {
            printer.say("nothing was ended");
            return Ok(Exit::Negative);
        }
        let session = send(client, &self.chosen.session, "kill", &())?;
        printer.data(&format!("killed: {}, processes: {}", named(&session), session.processes))?;
        Ok(Exit::Success)
    }
}

/// Whether a person types yes. An end of the input means no.
fn confirmed(id: &str) -> Result<bool, Failure> {
    prompt(&format!("End every process of session {id}? What they have not saved is lost. [yes/No] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Failure::new(Exit::Negative, error))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// Asks for something to be done with a session.
pub(super) fn send(
    client: &Client,
    id: &str,
    verb: &str,
    body: &impl serde::Serialize,
) -> Result<SessionView, Failure> {
    wait(async {
        match client.post(&format!("/v1/sessions/{id}/{verb}"), body).await {
            Err(error @ ClientError::NotFound(_)) => Err(unknown(client, error).await),
            answer => Ok(answer?),
        }
    })
}

pub(super) fn named(session: &SessionView) -> String {
    plain(&format!("{} {} ({})", session.agent, session.id, session.command))
}

/// The daemon's "not found", with the sessions there are.
async fn unknown(client: &Client, error: ClientError) -> Failure {
    let sessions: Vec<SessionView> = client.get("/v1/sessions").await.unwrap_or_default();
    let ids: Vec<&str> = sessions.iter().map(|session| session.id.as_str()).collect();
    match ids.as_slice() {
        [] => Failure::new(Exit::Negative, format_args!("{error}; there are no sessions")),
        ids => Failure::new(Exit::Negative, format_args!("{error}; the sessions are {}", ids.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{printer::table, tests::sample};

    #[test]
    fn a_session_is_one_row() {
        let now = Timestamp::from_second(130).unwrap();
        insta::assert_snapshot!(table(&HEADERS, vec![row(&sample::session(), now)], None), @"
        SESSION     AGENT        STATUS               AGE    PROCESSES  RISK  TOUCHED  WORKSPACE
        4711-0a1b2  claude-code  holding, incomplete  2m10s  7          60    1        /home/x/shop
        ");
    }

    #[test]
    fn a_session_says_what_stands_by_signal_and_what_a_shell_took_the_keys_from() {
        let status = |by_signal, background| {
            let session = SessionView { incomplete: false, by_signal, background, ..sample::session() };
            row(&session, Timestamp::from_second(130).unwrap()).swap_remove(2)
        };
        assert_eq!(status(0, false), "holding");
        assert_eq!(status(2, false), "holding, by signal");
        assert_eq!(status(0, true), "holding, in the background (fg)");
    }
}
