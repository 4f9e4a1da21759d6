//! Which events a person is told of on a session's terminal.

use jiff::Timestamp;
use serde_json::Value;

use super::quota::Of;
use interlock_core::event_fields::{host_and_port, text, texts};

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `4711-a38f0`.
    pub session: String,
    pub news: News,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Something waits for a decision.
    Waits {
        hold: String,
        command: String,
        target: String,
        rule: String,
    },
    /// A hold was decided, by a person or by silence.
    Decided {
        hold: String,
        how: How,
        by: String,
        reason: Option<String>,
    },
    Frozen {
        why: String,
        by_signal: bool,
    },
    Thawed {
        by: String,
    },
    Killed {
        why: String,
    },
    /// Nothing of the session is stopped for a time: the glass is broken, or it is paused.
    Suspended {
        /// `break-glass`, `pause`.
        way: String,
        until: Option<Timestamp>,
        by: String,
        reason: String,
    },
    /// Rules are in force again.
    Resumed {
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Approved,
    /// By one of the persons that its rule asks for.
    Given,
    Denied,
    /// Nobody answered in time.
    Expired,
}

impl Notice {
    /// `None` for what nobody is interrupted for.
    #[must_use]
    pub fn of(event: &Value) -> Option<Self> {
        let field = |name| text(event, name).map(str::to_owned);
        let news = match text(event, "event.action")? {
            "flow-held" | "syscall-held" => News::Waits {
                hold: field("interlock.hold.id")?,
                command: command(event),
                target: target(event),
                rule: first(event, "rule.id").unwrap_or_default(),
            },
            "flow-released" => decided(event, How::Approved)?,
            "approval-given" => decided(event, How::Given)?,
            "flow-denied" => decided(event, How::Denied)?,
            "hold-expired" => decided(event, How::Expired)?,
            "session-frozen" => News::Frozen {
                why: field("message").unwrap_or_default(),
                by_signal: first(event, "interlock.freeze.by_signal").is_some(),
            },
            "session-thawed" => News::Thawed { by: field("interlock.freeze.decided_by").unwrap_or_default() },
            "session-suspended" => News::Suspended {
                way: field("interlock.session.suspended").unwrap_or_default(),
                until: text(event, "interlock.suspension.until").and_then(|until| until.parse().ok()),
                by: field("interlock.suspension.by").unwrap_or_default(),
                reason: field("interlock.suspension.reason").unwrap_or_default(),
            },
            "session-resumed" => News::Resumed { why: field("message").unwrap_or_default() },
            "session-killed" => News::Killed { why: field("message").unwrap_or_default() },
            _ => return None,
        };
        Some(Self { session: field("interlock.session.id")?, news })
    }
}

impl News {
    /// Whether somebody has to act.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Waits { .. } | Self::Frozen { .. } | Self::Killed { .. })
    }

    /// What it counts as in the minute; `None` of what is told however much was told before: when a tree is stopped or ended, which the
    /// agent cannot do as often as it likes, and when rules stop nothing.
    #[must_use]
    pub fn counts_as(&self) -> Option<Of> {
        match self {
            Self::Waits { .. } => Some(Of::Question),
            Self::Frozen { .. } | Self::Killed { .. } | Self::Suspended { .. } | Self::Resumed { .. } => None,
            _ => Some(Of::Rest),
        }
    }
}

/// What goes on by an earlier approval, or is refused by a rule, is no decision of now: it has no hold.
fn decided(event: &Value, how: How) -> Option<News> {
    let field = |name| text(event, name).map(str::to_owned);
    Some(News::Decided {
        hold: field("interlock.hold.id")?,
        how,
        by: field("interlock.hold.decided_by")
            .or_else(|| field("interlock.hold.approved_by"))
            .unwrap_or_default(),
        reason: field("interlock.hold.reason"),
    })
}

fn command(event: &Value) -> String {
    let args: Vec<&str> = texts(event, "process.args").collect();
    if args.is_empty() {
        text(event, "process.executable").unwrap_or_default().to_owned()
    } else {
        args.join(" ")
    }
}

fn target(event: &Value) -> String {
    let fields = ["file.path", "interlock.delegate.service", "process.executable"];
    let named = || fields.into_iter().find_map(|field| text(event, field)).map(str::to_owned);
    host_and_port(event).or_else(named).unwrap_or_default()
}

/// The first of a list of texts or numbers.
fn first(event: &Value, name: &str) -> Option<String> {
    let value = event.get(name)?.as_array()?.first()?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hold_says_who_asks_for_what_and_why() {
        let held = json!({ "event.action": "flow-held", "interlock.session.id": "7-a", "interlock.hold.id": "h1",
            "process.args": ["curl", "-sS"], "destination.domain": "api.example", "destination.port": 443,
            "rule.id": ["infra", "other"] });
        let News::Waits { hold, command, target, rule } = Notice::of(&held).unwrap().news else { panic!() };
        assert_eq!([hold, command, target, rule], ["h1", "curl -sS", "api.example:443", "infra"]);
        let opened = json!({ "event.action": "syscall-held", "interlock.session.id": "7-a", "interlock.hold.id": "h2",
            "process.executable": "/bin/cat", "file.path": "/x/key" });
        let News::Waits { command, target, .. } = Notice::of(&opened).unwrap().news else { panic!() };
        assert_eq!([command, target], ["/bin/cat", "/x/key"]);
    }

    #[test]
    fn nobody_is_interrupted_for_what_no_person_decided() {
        for action in ["connect", "secret-read", "would-hold", "would-freeze", "session-started", "hold-gone"]
        {
            assert_eq!(
                Notice::of(&json!({ "event.action": action, "interlock.session.id": "7-a" })),
                None,
                "{action}"
            );
        }
        let by_grant = json!({ "event.action": "flow-released", "interlock.session.id": "7-a" });
        assert_eq!(Notice::of(&by_grant), None);
    }

    #[test]
    fn a_suspension_says_until_when_by_whom_and_why() {
        let begun = json!({ "event.action": "session-suspended", "interlock.session.id": "7-a",
            "interlock.session.suspended": "pause", "interlock.suspension.until": "2026-12-01T02:00:00Z",
            "interlock.suspension.by": "uid 1000", "interlock.suspension.reason": "moving house" });
        let news = Notice::of(&begun).unwrap().news;
        let [way, by, reason] = ["pause", "uid 1000", "moving house"].map(str::to_owned);
        let until = Some("2026-12-01T02:00:00Z".parse().unwrap());
        assert_eq!(news, News::Suspended { way, until, by, reason });
        let over = json!({ "event.action": "session-resumed", "interlock.session.id": "7-a", "message": "rules are in force again" });
        let news = Notice::of(&over).unwrap().news;
        assert!(news.counts_as().is_none() && !news.is_urgent(), "{news:?}");
    }

    #[test]
    fn a_freeze_says_whether_a_shell_saw_it() {
        let frozen = |pids: Value| {
            let event = json!({ "event.action": "session-frozen", "interlock.session.id": "7-a", "message": "why",
                "interlock.freeze.by_signal": pids });
            Notice::of(&event).unwrap().news
        };
        assert_eq!(frozen(json!([])), News::Frozen { why: "why".into(), by_signal: false });
        assert_eq!(frozen(json!([9])), News::Frozen { why: "why".into(), by_signal: true });
    }
}
