//! A record in a line.

use interlock_core::record::{Kind, Who};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::{
    cli::language::{date, plain},
    ledger::chain::Link,
};

/// Number, time, kind, session, what was decided and by whom; no wider than `width`.
pub fn line(link: &Link, zone: &TimeZone, width: Option<usize>) -> String {
    let record = &link.record;
    let session = record.session.as_deref().unwrap_or("-");
    let (at, kind) = (date(record.at, zone), record.kind.word());
    let said = [what(record.kind, &record.detail), by(&record.who)];
    let said = said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let line = plain(&format!("{:>5}  {at}  {kind:<7}  {session:<12}  {said}", link.seq));
    cut(line.trim_end(), width)
}

/// What the record is about: the members that a person looks for first.
fn what(kind: Kind, detail: &Map<String, Value>) -> String {
    let text = |name: &str| match detail.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        None | Some(Value::Null) => None,
        Some(other) => Some(other.to_string()),
    };
    let names: &[&str] = match kind {
        Kind::Hold | Kind::Approve | Kind::Deny | Kind::Expire => &["hold", "destination", "why"],
        Kind::Revoke => &["grant", "covers"],
        Kind::Freeze | Kind::Kill => &["why"],
        Kind::Release => &["destination"],
        Kind::Commit | Kind::Lapse => &["object", "ended"],
        Kind::Close => &["object", "bytes", "ended"],
        Kind::Enroll => &["command"],
        Kind::Rules => &["sha256"],
        Kind::Start | Kind::Stop => &["version", "mode", "pid"],
        Kind::Rotate => &["change", "moved_to"],
        Kind::Session => &["agent", "workspace"],
        Kind::Pod => &["namespace", "pod_name", "workload", "pod_owner"],
        Kind::BreakGlass => &["change", "way", "for_seconds", "reason", "why"],
        Kind::Factor => &["change", "user", "factor", "what"],
        Kind::Lost => &["records", "why"],
        Kind::Thaw => &[],
    };
    names.iter().filter_map(|name| text(name)).collect::<Vec<_>>().join(" ")
}

fn by(who: &Who) -> String {
    match who {
        Who::Daemon | Who::Kernel => String::new(),
        Who::Caller { .. } | Who::Kubernetes(_) | Who::Rule(_) => format!("by {}", who.text()),
    }
}

/// At most so many characters; what is left out is shown as `…`.
fn cut(text: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if text.chars().count() > width => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            kept.trim_end().to_owned() + "…"
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Record;
    use serde_json::json;

    fn link(kind: Kind, who: Who, detail: Value) -> Link {
        let Value::Object(detail) = detail else { panic!("an object") };
        let at = "2026-04-25T10:00:00.123Z".parse().unwrap();
        let record = Record { at, boot: None, kind, who, session: Some("4711-0a3f2".into()), detail };
        Link { seq: 12, record, prev: String::new() }
    }

    #[test]
    fn a_record_is_one_line_that_fits() {
        let approve = link(
            Kind::Approve,
            Who::caller(1000, 7),
            json!({"hold": "h1", "destination": "backboard.railway.app:443 (66.33.22.1)", "for_seconds": null}),
        );
        let text = line(&approve, &TimeZone::UTC, None);
        assert_eq!(
            text,
            "   12  2026-04-25 10:00:00  approve  4711-0a3f2    h1 backboard.railway.app:443 (66.33.22.1) by uid 1000"
        );
        let narrow = line(&approve, &TimeZone::UTC, Some(80));
        assert_eq!(narrow.chars().count(), 80);
        assert!(narrow.ends_with('…') && text.starts_with(narrow.trim_end_matches('…')));
    }

    #[test]
    fn a_control_character_is_shown() {
        let commit = link(Kind::Commit, Who::Kernel, json!({"pid": 7, "object": "open /tmp/\u{1b}[2J"}));
        assert!(line(&commit, &TimeZone::UTC, None).ends_with("open /tmp/\\u{1b}[2J"));
    }
}
