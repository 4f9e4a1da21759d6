//! Which events are asked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alerts::Weight;
use interlock_core::event_fields::texts;

/// What `GET /v1/events` takes as its query, and `interlock events` as options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// Go on with what happens.
    #[serde(skip_serializing_if = "is_false")]
    pub follow: bool,
    /// Read the files too, and not the daemon's memory alone.
    #[serde(skip_serializing_if = "is_false")]
    pub files: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Its whole id, or its root's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The field `event.action`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of the rules that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The session's user, by uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Alerts alone.
    #[serde(skip_serializing_if = "is_false")]
    pub alerts: bool,
    /// Alerts, decisions and turns of sessions; no plain observations.
    #[serde(skip_serializing_if = "is_false")]
    pub weighty: bool,
    /// The newest so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Question {
    /// Whether an event is asked for.
    #[must_use]
    pub fn wants(&self, event: &Value) -> bool {
        let text = |field: &str| event.get(field).and_then(Value::as_str);
        self.kind.as_deref().is_none_or(|kind| text("event.action") == Some(kind))
            && self.is_within(text("@timestamp"))
            && self.session.as_deref().is_none_or(|asked| is_of_session(event, asked))
            && self.rule.as_deref().is_none_or(|rule| names(event, rule))
            && self.user.is_none_or(|user| text("user.id").is_some_and(|id| id.parse() == Ok(user)))
            && (!self.alerts || text("event.kind") == Some("alert"))
            && (!self.weighty || !Weight::of(event).is_plain())
    }

    /// An event without a time is within any: nothing is left out because it says too little.
    fn is_within(&self, at: Option<&str>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(at) = at.and_then(|at| at.parse::<Timestamp>().ok()) else { return true };
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    /// As a query string. Its words are ids, and need no escape.
    #[must_use]
    pub fn query(&self) -> String {
        let fields = serde_json::to_value(self).unwrap_or_default();
        let fields = fields.as_object().into_iter().flatten();
        let pairs: Vec<String> = fields
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            })
            .collect();
        pairs.join("&")
    }
}

/// Whether an event is of the session with that id, or with that root's pid.
#[must_use]
pub fn is_of_session(event: &Value, asked: &str) -> bool {
    let id = event.get("interlock.session.id").and_then(Value::as_str);
    id.is_some_and(|id| id == asked || id.split_once('-').is_some_and(|(root, _)| root == asked))
}

fn names(event: &Value, rule: &str) -> bool {
    texts(event, "rule.id").any(|id| id == rule)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({ "@timestamp": "2026-11-20T10:00:00Z", "event.kind": "alert", "event.action": "secret-read",
            "interlock.session.id": "4711-0a1b2", "rule.id": ["a", "b"], "user.id": "1000" })
    }

    fn asked(change: impl FnOnce(&mut Question)) -> bool {
        let mut question = Question::default();
        change(&mut question);
        question.wants(&event())
    }

    #[test]
    fn each_word_of_a_question_narrows_it() {
        let at = |text: &str| Some(text.parse().unwrap());
        let text = |text: &str| Some(text.to_owned());
        assert!(asked(|_| ()));
        assert!(asked(|question| question.since = at("2026-11-20T10:00:00Z")));
        assert!(!asked(|question| question.since = at("2026-11-20T10:00:01Z")));
        assert!(!asked(|question| question.until = at("2026-11-20T10:00:00Z")), "until is no part of it");
        assert!(asked(|question| question.until = at("2026-11-20T10:00:01Z")));
        assert!(asked(|question| question.session = text("4711")));
        assert!(asked(|question| question.session = text("4711-0a1b2")));
        assert!(!asked(|question| question.session = text("471")));
        assert!(asked(|question| question.rule = text("b")));
        assert!(!asked(|question| question.rule = text("c")));
        assert!(!asked(|question| question.kind = text("connect")));
        assert!(asked(|question| (question.alerts, question.weighty) = (true, true)));
        assert!(asked(|question| question.user = Some(1000)));
        assert!(!asked(|question| question.user = Some(1001)));
    }

    #[test]
    fn an_event_that_says_too_little_is_not_left_out_for_its_time() {
        let question = Question { since: Some(Timestamp::now()), ..Question::default() };
        assert!(question.wants(&json!({ "event.action": "odd" })));
    }

    #[test]
    fn a_query_says_what_differs_from_the_default() {
        let question = Question {
            files: true,
            since: Some(Timestamp::from_second(0).unwrap()),
            rule: Some("a.b".into()),
            limit: Some(7),
            ..Question::default()
        };
        assert_eq!(question.query(), "files=true&since=1970-01-01T00:00:00Z&rule=a.b&limit=7");
        assert_eq!(Question::default().query(), "");
    }
}
