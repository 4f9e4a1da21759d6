//! `interlock record`.

use clap::Args;
use serde_json::Value;

use super::{
    exit::{Exit, Failure},
    language::id,
    printer::{Printer, complain},
    wait,
};
use crate::{
    control::{
        api::{SessionView, Status},
        client::Client,
    },
    replay::{Header, Known, VERSION, discreet},
};

#[derive(Args, Debug)]
pub struct RecordSessions {
    /// The session; with --follow all of them where none is named
    #[arg(value_parser = id, required_unless_present = "follow")]
    session: Option<String>,
    /// Go on with what happens, until the session ends
    #[arg(long, short)]
    follow: bool,
}

impl RecordSessions {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let written = wait(self.write(client, printer))?;
        if written > 0 {
            printer.say(&format!("{written} events"));
            return Ok(Exit::Fine);
        }
        let of = self.session.as_ref().map(|session| format!(" of {session}")).unwrap_or_default();
        printer.say(&format!("the daemon has no events{of}; `interlock ps` lists the sessions"));
        Ok(Exit::Negative)
    }

    async fn write(&self, client: &Client, printer: &Printer) -> Result<usize, Failure> {
        let header = self.header(client).await?;
        let header = serde_json::to_value(header).map_err(|error| Failure::new(Exit::Negative, error))?;
        printer.data(&header.to_string())?;
        let path = if self.follow { "/v1/events?follow=true" } else { "/v1/events" };
        let mut lines = client.stream(path).await?;
        let mut written = 0;
        while let Some(event) = lines.next().await? {
            if let Some(lost) = event.get("interlock.lost") {
                complain(&format!("{lost} events were lost here: this reader was too slow"));
                printer.data(&event.to_string())?;
                continue;
            }
            if !self.wants(&event) {
                continue;
            }
            let ends = event.get("event.action").and_then(Value::as_str) == Some("session-ended");
            printer.data(&discreet(event).to_string())?;
            written += 1;
            if ends && self.session.is_some() {
                break;
            }
        }
        Ok(written)
    }

    async fn header(&self, client: &Client) -> Result<Header, Failure> {
        let status: Status = client.get("/v1/status").await?;
        let sessions: Vec<SessionView> = client.get("/v1/sessions").await?;
        let sessions = sessions.into_iter().filter(|known| self.is_meant(&known.id));
        Ok(Header {
            version: VERSION,
            program: status.version,
            rules: status.rules.sha256,
            mode: status.mode,
            sessions: sessions.map(|known| Known { id: known.id, started: known.started }).collect(),
        })
    }

    fn wants(&self, event: &Value) -> bool {
        event.get("session.id").and_then(Value::as_str).is_some_and(|id| self.is_meant(id))
    }

    /// By its whole id, or by its root's pid, as the other verbs take it.
    fn is_meant(&self, id: &str) -> bool {
        let root = |session: &String| id.split_once('-').is_some_and(|(root, _)| root == session);
        self.session.as_ref().is_none_or(|session| session == id || root(session))
    }
}
