//! Records as events of the Open Cybersecurity Schema Framework, 1.9.0, with its profile `record_integrity`.
//!
//! Two classes: what Interlock held, let go on or stopped is a Detection Finding (2004), one finding a hold; what became of
//! Interlock and of the sessions is Application Lifecycle (6002). The record's line is `raw_data`, and what attests it is the
//! ledger's own chain: its fingerprint is the BLAKE3 hash over the line before `,"hash":`, not one over the OCSF event. What it
//! covers stands in `raw_data` as it was.

use interlock_core::{
    hex::hex,
    record::{Kind, Who},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::ledger::chain::{Head, Link};

/// The schema that the events are of.
pub const VERSION: &str = "1.9.0";

const FINDING: u32 = 2004;
const LIFECYCLE: u32 = 6002;

/// Writes records as events, one after the other: each names the one before it.
pub struct Ocsf {
    /// The chain that they are of: the name of the host's key, where it is known.
    chain: String,
    /// Host, as the last record of kind `start` named it.
    host: Option<String>,
    version: Option<String>,
    /// Number, type and hash of the record before.
    before: Option<(u64, u32)>,
}

/// A number of OCSF's with its caption.
type Named = (u32, &'static str);

/// How a kind of record is said in OCSF.
struct Class {
    uid: u32,
    activity: Named,
    severity: Named,
    /// `disposition_id` and `action_id` with their captions.
    control: Option<(Named, Named)>,
    /// `status_id` and its caption.
    status: Named,
}

const CREATE: Named = (1, "Create");
const UPDATE: Named = (2, "Update");
const CLOSE: Named = (3, "Close");
const INFORMATIONAL: Named = (1, "Informational");
const MEDIUM: Named = (3, "Medium");
const HIGH: Named = (4, "High");
const ALLOWED: Named = (1, "Allowed");
const DENIED: Named = (2, "Denied");
const IN_PROGRESS: Named = (2, "In Progress");
const RESOLVED: Named = (4, "Resolved");
const SUCCESS: Named = (1, "Success");

fn class(kind: Kind) -> Class {
    let finding = |activity, severity, disposition, action, status| Class {
        uid: FINDING,
        activity,
        severity,
        control: Some((disposition, action)),
        status,
    };
    let lifecycle =
        |activity, severity| Class { uid: LIFECYCLE, activity, severity, control: None, status: SUCCESS };
    match kind {
        Kind::Hold => finding(CREATE, HIGH, (14, "Delayed"), (4, "Modified"), (1, "New")),
        Kind::Approve => finding(CLOSE, INFORMATIONAL, (8, "Approved"), ALLOWED, RESOLVED),
        Kind::Deny => finding(CLOSE, HIGH, (25, "Rejected"), DENIED, RESOLVED),
        Kind::Revoke => finding(UPDATE, INFORMATIONAL, (25, "Rejected"), DENIED, RESOLVED),
        Kind::Expire => finding(CLOSE, HIGH, (2, "Blocked"), DENIED, RESOLVED),
        Kind::Release => finding(UPDATE, INFORMATIONAL, (1, "Allowed"), ALLOWED, RESOLVED),
        Kind::Commit => finding(UPDATE, INFORMATIONAL, (17, "Logged"), (3, "Observed"), RESOLVED),
        Kind::Close => finding(CLOSE, INFORMATIONAL, (17, "Logged"), (3, "Observed"), RESOLVED),
        Kind::Lapse => finding(CLOSE, INFORMATIONAL, (16, "No Action"), (3, "Observed"), RESOLVED),
        Kind::Freeze => finding(UPDATE, HIGH, (3, "Quarantined"), DENIED, IN_PROGRESS),
        Kind::Thaw => finding(UPDATE, MEDIUM, (9, "Restored"), ALLOWED, IN_PROGRESS),
        Kind::BreakGlass => finding(UPDATE, HIGH, (1, "Allowed"), ALLOWED, IN_PROGRESS),
        Kind::Kill => finding(UPDATE, HIGH, (2, "Blocked"), DENIED, RESOLVED),
        Kind::Start | Kind::Session | Kind::Enroll => lifecycle((3, "Start"), INFORMATIONAL),
        Kind::Stop => lifecycle((4, "Stop"), INFORMATIONAL),
        Kind::Rules | Kind::Pod => lifecycle((8, "Update"), INFORMATIONAL),
        Kind::Factor => lifecycle((8, "Update"), MEDIUM),
        Kind::Rotate => lifecycle((99, "Ledger Rotated"), MEDIUM),
        Kind::Lost => lifecycle((99, "Records Lost"), HIGH),
    }
}

impl Ocsf {
    #[must_use]
    pub fn new(chain: Option<&str>) -> Self {
        let chain = chain.unwrap_or("interlock").to_owned();
        Self { chain, host: None, version: None, before: None }
    }

    /// Takes note of a record that is not written: the next one names it.
    pub fn pass(&mut self, link: &Link) {
        self.learn(link);
        self.before = Some((link.seq, type_uid(&class(link.record.kind))));
    }

    /// One record as an event; `line` is its line with its end, `head` what it states.
    pub fn event(&mut self, link: &Link, head: Head, line: &[u8]) -> Value {
        self.learn(link);
        let class = class(link.record.kind);
        let mut event = self.base(link, &class, line);
        event.insert("attestation_list".to_owned(), json!([self.attestation(link, head)]));
        if class.uid == FINDING {
            finding(&mut event, link, &class);
        } else {
            event.insert("app".to_owned(), self.app(link));
        }
        self.before = Some((link.seq, type_uid(&class)));
        Value::Object(event)
    }

    fn learn(&mut self, link: &Link) {
        if link.record.kind == Kind::Start {
            let text = |name: &str| link.record.detail.get(name).and_then(Value::as_str).map(str::to_owned);
            (self.host, self.version) = (text("host"), text("version"));
        }
    }

    fn base(&self, link: &Link, class: &Class, line: &[u8]) -> Map<String, Value> {
        let record = &link.record;
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let raw = String::from_utf8_lossy(content);
        let profiles = if class.control.is_some() {
            json!(["record_integrity", "host", "security_control"])
        } else {
            json!(["record_integrity", "host"])
        };
        let mut metadata = json!({
            "version": VERSION,
            "profiles": profiles,
            "product": { "name": "Interlock", "vendor_name": "Interlock" },
            "uid": link.seq.to_string(),
            "sequence": link.seq,
            "log_name": self.chain,
            "original_time": record.at.to_string(),
        });
        if let Some(version) = &self.version {
            metadata["product"]["version"] = json!(version);
        }
        let (category, category_name) =
            if class.uid == FINDING { (2, "Findings") } else { (6, "Application Activity") };
        let mut event = json!({
            "category_uid": category,
            "category_name": category_name,
            "class_uid": class.uid,
            "class_name": if class.uid == FINDING { "Detection Finding" } else { "Application Lifecycle" },
            "activity_id": class.activity.0,
            "activity_name": class.activity.1,
            "type_uid": type_uid(class),
            "time": record.at.as_millisecond(),
            "severity_id": class.severity.0,
            "severity": class.severity.1,
            "status_id": class.status.0,
            "status": class.status.1,
            "message": format!("{} of record {} by {}", record.kind.word(), link.seq, record.who.text()),
            "metadata": metadata,
            "actor": actor(link),
            "raw_data": raw,
            "raw_data_hash": fingerprint((3, "SHA-256"), &hex(&Sha256::digest(content))),
            "raw_data_size": content.len(),
            "unmapped": { "kind": record.kind.word(), "detail": record.detail },
        });
        if let Some(host) = &self.host {
            event["device"] = json!({ "type_id": 0, "type": "Unknown", "hostname": host });
        }
        if let Some((disposition, action)) = class.control {
            event["disposition_id"] = json!(disposition.0);
            event["disposition"] = json!(disposition.1);
            event["action_id"] = json!(action.0);
            event["action"] = json!(action.1);
        }
        match event {
            Value::Object(event) => event,
            _ => Map::new(),
        }
    }

    fn attestation(&self, link: &Link, head: Head) -> Value {
        let mut attestation = json!({
            "uid": link.seq.to_string(),
            "authority_uid": self.chain,
            "chain_uid": self.chain,
            "fingerprint": fingerprint((99, "BLAKE3"), &head.hash.to_string()),
        });
        if let Some((seq, type_uid)) = self.before {
            attestation["prev_event"] = json!({ "uid": seq.to_string(), "type_uid": type_uid, "fingerprint": fingerprint((99, "BLAKE3"), &link.prev) });
        }
        attestation
    }

    fn app(&self, link: &Link) -> Value {
        let text = |name: &str| link.record.detail.get(name).and_then(Value::as_str);
        let of_session = matches!(link.record.kind, Kind::Session | Kind::Enroll);
        let mut app = json!({
            "name": if of_session { text("agent").unwrap_or("command") } else { "Interlock" },
            "vendor_name": if of_session { "unknown" } else { "Interlock" },
        });
        if let Some(session) = link.record.session.as_ref().filter(|_| of_session) {
            app["uid"] = json!(session);
        }
        if let Some(version) = self.version.as_ref().filter(|_| !of_session) {
            app["version"] = json!(version);
        }
        app
    }
}

fn type_uid(class: &Class) -> u32 {
    class.uid * 100 + class.activity.0
}

fn finding(event: &mut Map<String, Value>, link: &Link, class: &Class) {
    let record = &link.record;
    let text = |name: &str| record.detail.get(name).and_then(Value::as_str).unwrap_or_default();
    let session = record.session.as_deref().unwrap_or("daemon");
    // One finding a hold; what has none is one of its session's.
    let uid =
        if text("hold").is_empty() { session.to_owned() } else { format!("{session}/{}", text("hold")) };
    let what = ["destination", "object", "why"].map(text).into_iter().find(|text| !text.is_empty());
    let title = format!("{} {}", record.kind.word(), what.unwrap_or(session));
    let mut info =
        json!({ "uid": uid, "title": title.trim_end(), "created_time": record.at.as_millisecond() });
    if let Who::Rule(rule) = &record.who {
        info["analytic"] = json!({ "type_id": 1, "type": "Rule", "name": rule, "uid": rule });
    }
    event.insert("finding_info".to_owned(), info);
    event.insert("is_alert".to_owned(), json!(class.severity.0 >= HIGH.0));
}

/// Who decided.
fn actor(link: &Link) -> Value {
    let mut actor = match &link.record.who {
        Who::Caller { uid, pid, from } => {
            let mut actor = json!({ "user": { "uid": uid.to_string() }, "process": { "pid": pid } });
            if let Some(tty) = from.as_ref().and_then(|from| from.tty.as_ref()) {
                actor["session"] = json!({ "terminal": tty });
            }
            if let Some(login) = from.as_ref().and_then(|from| from.login_uid) {
                actor["process"]["auid"] = json!(login);
            }
            actor
        }
        Who::Kubernetes(user) => {
            let mut known = json!({ "name": user.user, "domain": "kubernetes" });
            if let Some(uid) = &user.uid {
                known["uid"] = json!(uid);
            }
            if !user.groups.is_empty() {
                let groups = user.groups.iter().map(|group| json!({ "name": group }));
                known["groups"] = groups.collect();
            }
            json!({ "user": known })
        }
        Who::Rule(_) | Who::Kernel | Who::Daemon => json!({ "app_name": "Interlock" }),
    };
    if let Some(session) = &link.record.session {
        actor["app_uid"] = json!(session);
    }
    actor
}

fn fingerprint(algorithm: (u32, &str), value: &str) -> Value {
    json!({ "algorithm_id": algorithm.0, "algorithm": algorithm.1, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Record;

    fn link(seq: u64, kind: Kind, who: Who, detail: Value) -> Link {
        let detail = detail.as_object().cloned().unwrap();
        let at = "2026-04-25T10:00:00.5Z".parse().unwrap();
        let record = Record { at, boot: None, kind, who, session: Some("4711-0a3f2".into()), detail };
        Link { seq, record, prev: "ab".repeat(32) }
    }

    #[test]
    fn a_denial_is_a_finding_that_names_who_decided_and_the_record_before() {
        let mut ocsf = Ocsf::new(Some("build-7/interlock/01"));
        let start = link(1, Kind::Start, Who::Daemon, json!({"version": "0.1.0", "host": "build-7"}));
        ocsf.pass(&start);
        let deny =
            link(2, Kind::Deny, Who::caller(1000, 7), json!({"hold": "h1", "destination": "api.test:443"}));
        let event = ocsf.event(&deny, Head { seq: 2, hash: blake3::hash(b"x") }, b"{}\n");
        assert_eq!((&event["class_uid"], &event["type_uid"]), (&json!(2004), &json!(200_403)));
        assert_eq!((&event["disposition_id"], &event["action_id"]), (&json!(25), &json!(2)));
        assert_eq!(event["finding_info"]["uid"], "4711-0a3f2/h1");
        assert_eq!(event["actor"]["user"]["uid"], "1000");
        assert_eq!(event["device"]["hostname"], "build-7");
        assert_eq!(event["metadata"]["product"]["version"], "0.1.0");
        let attestation = &event["attestation_list"][0];
        assert_eq!(attestation["fingerprint"]["value"], blake3::hash(b"x").to_string());
        assert_eq!(attestation["prev_event"]["uid"], "1");
        assert_eq!(attestation["prev_event"]["type_uid"], 600_203);
        assert_eq!(attestation["prev_event"]["fingerprint"]["value"], "ab".repeat(32));
    }

    #[test]
    fn the_first_record_has_none_before_it() {
        let mut ocsf = Ocsf::new(None);
        let event = ocsf.event(&link(1, Kind::Start, Who::Daemon, json!({})), Head::START, b"{}\n");
        assert_eq!(event["attestation_list"][0].get("prev_event"), None);
        assert_eq!(event["app"]["name"], "Interlock");
    }
}
