//! `interlock record`.

use clap::Args;
use serde_json::{Value, json};

use super::{
    exit::{Exit, Failure},
    language::id,
    past,
    printer::{Printer, complain},
    wait::wait,
};
use crate::{
    archive::{Notes, Question},
    control::{
        api::{SessionView, Status},
        client::Client,
    },
};
use interlock_core::replay::{Header, Known, VERSION, redacted};

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
        let mut written = 0;
        wait(self.read(client, |line| {
            written += usize::from(line.get("event.action").is_some());
            printer.data(&line.to_string())
        }))?;
        if written > 0 {
            printer.say(&format!("{written} events"));
            return Ok(Exit::Success);
        }
        let of = self.session.as_ref().map(|session| format!(" of {session}")).unwrap_or_default();
        printer.say(&format!("the daemon has no events{of}; `interlock ps` and `events` name sessions"));
        Ok(Exit::Negative)
    }

    /// The lines of one session's record, as far as the daemon still has them.
    pub(super) fn lines(client: &Client, session: &str) -> Result<Vec<u8>, Failure> {
        let recorder = Self { session: Some(session.to_owned()), follow: false };
        let mut lines = Vec::new();
        wait(recorder.read(client, |line| {
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
            Ok(())
        }))?;
        Ok(lines)
    }

    async fn read(
        &self,
        client: &Client,
        mut take: impl FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let header = self.header(client).await?;
        take(&serde_json::to_value(header).map_err(|error| Failure::new(Exit::Negative, error))?)?;
        let question = Question {
            follow: self.follow,
            files: !self.follow,
            session: self.session.clone(),
            ..Question::default()
        };
        let mut lines = client.stream(&past::path(&question)).await?;
        while let Some(event) = lines.next().await? {
            if let (Some(lost), None) = (event.get("interlock.lost"), event.get("event.id")) {
                complain(&format!("{lost} events were lost here: this reader was too slow"));
                take(&event)?;
                continue;
            }
            if let Some(notes) = Notes::of_line(&event) {
                notes.sentences().iter().for_each(|note| complain(note));
                // Fails closed: what is missing may have been the session's, so nothing is learned from it.
                take(&json!({ "interlock.forgotten": notes.missing() }))?;
                continue;
            }
            if !self.wants(&event) {
                continue;
            }
            if let Some(forgotten) = event.get("interlock.forgotten") {
                complain(&format!("{forgotten} older events of the session are not kept any more"));
            }
            let ends = event.get("event.action").and_then(Value::as_str) == Some("session-ended");
            take(&redacted(event))?;
            if ends && self.session.is_some() {
                break;
            }
        }
        Ok(())
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
        event.get("interlock.session.id").and_then(Value::as_str).is_some_and(|id| self.is_meant(id))
    }

    /// By its whole id, or by its root's pid, as the other verbs take it.
    fn is_meant(&self, id: &str) -> bool {
        let root = |session: &String| id.split_once('-').is_some_and(|(root, _)| root == session);
        self.session.as_ref().is_none_or(|session| session == id || root(session))
    }
}
