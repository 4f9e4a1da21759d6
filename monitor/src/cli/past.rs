//! Events of the past: asked of the daemon, or read from its files where none answers.

use serde_json::Value;

use super::{
    exit::{Exit, Failure},
    global::Global,
    printer::Printer,
    wait::wait,
};
use crate::{
    archive::{Bounds, Found, Notes, Question, Sight, read},
    control::client::{Client, ClientError},
};
use interlock_core::event_fields::text;

/// What there is. The daemon answers where it can, as it has a memory besides and knows who may see what; `files` asks none.
///
/// # Errors
/// Neither the daemon nor the files can be read.
pub fn ask(
    client: &Client,
    global: &Global,
    printer: &Printer,
    question: &Question,
    files: bool,
) -> Result<Found, Failure> {
    let found = if files {
        read_files(global, printer, question)?
    } else {
        match wait(async { Ok(of_daemon(client, printer, question).await) })? {
            Err(error @ ClientError::NoDaemon { .. }) => {
                let found = read_files(global, printer, question).map_err(|_| Failure::from(error))?;
                printer.say("no daemon answers: these are the events of its files");
                found
            }
            answer => answer?,
        }
    };
    found.notes.sentences().iter().for_each(|note| printer.say(note));
    Ok(found)
}

/// Where a question is answered.
#[must_use]
pub fn path(question: &Question) -> String {
    format!("/v1/events?{}", question.query())
}

async fn of_daemon(client: &Client, printer: &Printer, question: &Question) -> Result<Found, ClientError> {
    let mut lines = client.stream(&path(question)).await?;
    let mut found = Found::default();
    while let Some(line) = lines.next().await? {
        match Notes::of_line(&line) {
            Some(notes) => found.notes = notes,
            None if is_event(&line, |text| printer.say(text)) => found.events.push(line),
            None => {}
        }
    }
    Ok(found)
}

/// Whoever may read the files may see all of them.
fn read_files(global: &Global, printer: &Printer, question: &Question) -> Result<Found, Failure> {
    let dir = global.state(printer)?;
    read(&dir, question, &Sight::of_root(), Bounds::default(), Vec::new()).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::NotPermitted,
            _ => Exit::Negative,
        };
        Failure::new(exit, format_args!("the events in {} cannot be read: {error}", dir.display()))
    })
}

/// Of a session, where the line is about one.
fn session_of(line: &Value) -> String {
    text(line, "interlock.session.id").map(|id| format!(" of {id}")).unwrap_or_default()
}

/// Whether a line is an event; of one that says what is missing, that is said.
pub fn is_event(line: &Value, say: impl Fn(&str)) -> bool {
    if line.get("event.id").is_some() {
        return true; // also one that tells of lost records
    }
    if let Some(lost) = line.get("interlock.lost") {
        say(&format!("{lost} events were lost here: this reader was too slow"));
    } else if let Some(forgotten) = line.get("interlock.forgotten") {
        let of = session_of(line);
        say(&format!("{forgotten} older events{of} are in the files alone: see them with --since"));
    } else if let Some(notes) = Notes::of_line(line) {
        notes.sentences().iter().for_each(|note| say(note));
    } else {
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_that_says_what_is_missing_is_said_and_no_event() {
        let said = RefCell::new(Vec::new());
        let is_event = |line: &Value| is_event(line, |text| said.borrow_mut().push(text.to_owned()));
        assert!(is_event(&json!({ "event.id": "e1", "interlock.session.id": "1-00000" })));
        assert!(is_event(&json!({ "event.id": "e2", "event.action": "records-lost", "interlock.lost": 1 })));
        assert!(!is_event(&json!({ "interlock.lost": 3 })));
        assert!(!is_event(&json!({ "interlock.forgotten": 4, "interlock.session.id": "1-00000" })));
        assert!(!is_event(&json!({ "interlock.files": { "unreadable": 5 } })));
        insta::assert_snapshot!(said.borrow().join("\n"), @"
        3 events were lost here: this reader was too slow
        4 older events of 1-00000 are in the files alone: see them with --since
        5 lines of the files are no events
        ");
    }
}
