//! What a notification says. Everything that a session has chosen is escaped: for the eye, and for a server that reads markup.

use serde_json::Value;

use crate::control::api::HoldView;
use interlock_core::{event_fields::text, plain::plain};

/// Longest text of one field, in characters: notifications are small, and the rest is a command away.
const FIELD_MAX: usize = 300;

/// What the notification server can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    pub actions: bool,
    /// It reads the body as markup.
    pub markup: bool,
    pub body: bool,
}

/// What a person can answer in the notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Show,
    Approve,
    Deny,
}

impl Answer {
    pub fn label(self) -> &'static str {
        match self {
            Self::Show => "Show",
            Self::Approve => "Approve",
            Self::Deny => "Deny",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub summary: String,
    pub body: String,
    /// It stays until it is closed.
    pub critical: bool,
    pub answers: Vec<Answer>,
}

impl Note {
    /// Of something that waits.
    #[must_use]
    pub fn of_hold(hold: &HoldView, can: Abilities, answers: &[Answer]) -> Self {
        let id = &hold.id;
        let mut lines = vec![
            format!("{} asks: {}", short(&hold.agent), short(&hold.command)),
            format!("for: {}", short(&hold.destination)),
            format!("rule: {}: {}", short(&hold.rule), short(&hold.summary)),
        ];
        lines.extend(hold.because.iter().take(3).map(|why| format!("because: {}", short(why))));
        if !hold.others.is_empty() {
            lines.push(format!("{} more wait for the same answer", hold.others.len()));
        }
        lines.push(format!("session: {}", short(&hold.session)));
        let answers = if can.actions { answers.to_vec() } else { Vec::new() };
        if !answers.contains(&Answer::Approve) {
            lines.push(format!("in a terminal: interlock explain {id}; interlock approve {id}"));
        }
        Self::new(format!("Interlock: {id} waits for a decision"), &lines, can, true, answers)
    }

    /// Of a session that was stopped or ended, or of which nothing is stopped for a time, or no longer; `None` for any other event.
    #[must_use]
    pub fn of_event(event: &Value, can: Abilities, answers: &[Answer]) -> Option<Self> {
        let session = short(text(event, "interlock.session.id")?);
        let why = short(text(event, "message").unwrap_or_default());
        let (summary, to_do, critical) = match text(event, "event.action")? {
            "session-frozen" => (
                format!("Interlock: session {session} is frozen"),
                format!("in a terminal: interlock events --session {session}; interlock thaw {session}"),
                false,
            ),
            "session-killed" => (
                format!("Interlock: session {session} was ended"),
                format!("in a terminal: interlock events --session {session}"),
                false,
            ),
            "session-suspended" => (
                format!("Interlock: nothing of session {session} is stopped"),
                format!("in a terminal: interlock ps; interlock {} {session} --end", way(event)),
                true, // its notice stays until it is closed, as rules stop nothing meanwhile
            ),
            "session-resumed" => (
                format!("Interlock: rules are in force for session {session}"),
                format!("in a terminal: interlock events --session {session}"),
                false,
            ),
            _ => return None,
        };
        let agent = format!("agent: {}", short(text(event, "interlock.session.agent").unwrap_or_default()));
        let answers = if can.actions { answers.to_vec() } else { Vec::new() };
        Some(Self::new(summary, &[agent, format!("why: {why}"), to_do], can, critical, answers))
    }

    /// That an answer could not be carried out.
    #[must_use]
    pub fn of_refusal(hold: &str, why: &str, can: Abilities) -> Self {
        let summary = format!("Interlock: {} was not decided", short(hold));
        Self::new(summary, &[short(why)], can, false, Vec::new())
    }

    fn new(summary: String, lines: &[String], can: Abilities, critical: bool, answers: Vec<Answer>) -> Self {
        let body = lines.join("\n");
        // Summaries are never markup.
        let (summary, body) = match can {
            Abilities { body: false, .. } => (format!("{summary}: {}", lines.join("; ")), String::new()),
            Abilities { markup: true, .. } => (summary, escaped(&body)),
            Abilities { .. } => (summary, body),
        };
        Self { summary, body, critical, answers }
    }
}

/// The verb that ends a suspension, by which it was begun as well.
fn way(event: &Value) -> String {
    short(text(event, "interlock.session.suspended").unwrap_or("break-glass"))
}

fn short(text: &str) -> String {
    let text = plain(text);
    if text.chars().count() <= FIELD_MAX {
        return text;
    }
    text.chars().take(FIELD_MAX).chain(['…']).collect()
}

/// The five characters of XML: the specification has `<b>`, `<i>`, `<u>`, `<a>` and `<img>` read.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::sample;

    const ALL: Abilities = Abilities { actions: true, markup: true, body: true };

    #[test]
    fn a_hold_is_told_as_text_whatever_the_server_reads() {
        let hold = HoldView { command: "curl <b>\u{1b}[2J&x".into(), ..sample::hold() };
        let note = Note::of_hold(&hold, ALL, &[Answer::Show, Answer::Deny]);
        assert!(note.body.contains("curl &lt;b&gt;\\u{1b}[2J&amp;x"), "{}", note.body);
        assert!(note.critical && note.answers == [Answer::Show, Answer::Deny]);
        assert!(note.body.contains("interlock approve h"), "{}", note.body);
        let plain = Note::of_hold(&hold, Abilities { markup: false, ..ALL }, &[]);
        assert!(plain.body.contains("curl <b>\\u{1b}[2J&x"), "{}", plain.body);
        let bare = Note::of_hold(&hold, Abilities::default(), &[Answer::Approve]);
        assert!(bare.body.is_empty() && bare.answers.is_empty());
        assert!(bare.summary.contains("interlock explain h"), "{}", bare.summary);
    }

    #[test]
    fn what_a_person_need_not_know_at_once_is_no_notification() {
        let event = |action: &str| {
            json!({ "event.action": action, "interlock.session.id": "7-a",
            "interlock.session.suspended": "pause", "message": "why <x>" })
        };
        assert_eq!(Note::of_event(&event("connect"), ALL, &[]), None);
        let frozen = Note::of_event(&event("session-frozen"), ALL, &[Answer::Show]).unwrap();
        assert!(frozen.body.contains("why &lt;x&gt;") && frozen.body.contains("interlock thaw 7-a"));
        assert!(!frozen.critical);
        let begun = Note::of_event(&event("session-suspended"), ALL, &[]).unwrap();
        assert!(begun.critical && begun.body.contains("interlock pause 7-a --end"), "{begun:?}");
        assert!(!Note::of_event(&event("session-resumed"), ALL, &[]).unwrap().critical);
    }
}
