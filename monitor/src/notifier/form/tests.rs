//! Hostile text in each form, and each service's limits.

use serde_json::{Value, json};

use super::*;
use crate::{
    config::{Address, Class, Credential},
    notifier::notice::{Decided, Notice},
};
use interlock_core::facts::{Action, HoldState, Severity};

/// What an agent may choose: marks of every form, mentions, links, and things that end a fence.
const HOSTILE: &str = "curl <!channel> <https://evil.example|approve> *b* _i_ ~s~ ``` </pre><a href=\"x\">&amp; @room #x\r\nTags: x [l](u)";

fn access(kind: Kind, place: Option<&str>) -> Access {
    Access {
        kind,
        address: Address::parse("https://service.example/base", false).unwrap(),
        place: place.map(str::to_owned),
        token: Some(Credential::of("fake-token-0000")),
        secret: None,
    }
}

fn notice(command: &str) -> Notice {
    let mut notice =
        Notice::new("h7", Class::Hold, Severity::Critical, "2026-11-30T21:00:00Z".parse().unwrap());
    notice.host = "vm".into();
    notice.command = Some(command.to_owned());
    notice.object = Some("backboard.railway.app:443 (127.0.0.9)".into());
    notice.rules = vec!["infra-after-foreign-secret".into()];
    notice.summary = Some("An agent read a live credential.".into());
    notice.read = vec!["/home/ann/.railway/config.json (A foreign paas), 9 ms before, by 30188 cat".into()];
    (notice.agent, notice.session, notice.owner) =
        (Some("claude".into()), Some("1-0".into()), Some("ann".into()));
    notice.deadline = Some("2026-11-30T21:10:00Z".parse().unwrap());
    notice.then = Some(Action::Freeze);
    notice.bounded()
}

fn composed(access: &Access, notice: &Notice, handle: Option<&str>) -> (Request, Value) {
    let message = Message { id: "abc-1".into(), thread: "abc".into(), handle, notice };
    let now = "2026-11-30T21:00:02Z".parse().unwrap();
    let request = compose(access, &message, now, &TimeZone::UTC);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

fn answered(access: &Access, status: u16, body: &Value, handle: Option<&str>) -> Outcome {
    let notice = notice("x");
    let message = Message { id: "abc-1".into(), thread: "abc".into(), handle, notice: &notice };
    read(access, &message, &Reply { status, retry_after: None, body: body.to_string().into_bytes() })
}

fn all() -> [(Access, &'static str); 5] {
    [
        (access(Kind::Webhook, None), "/base"),
        (access(Kind::Ntfy, Some("il")), "/base/"),
        (access(Kind::Slack, Some("C1")), "/base/chat.postMessage"),
        (
            access(Kind::Matrix, Some("!r:x")),
            "/base/_matrix/client/v3/rooms/%21r%3Ax/send/m.room.message/abc-1",
        ),
        (access(Kind::Telegram, Some("-100")), "/base/botfake-token-0000/sendMessage"),
    ]
}

#[test]
fn each_says_what_a_person_needs_to_decide_and_how() {
    for (access, path) in all() {
        let (request, body) = composed(&access, &notice("31 curl x"), None);
        assert_eq!(request.url, format!("https://service.example{path}"));
        let text = body.to_string();
        for needed in [
            "h7",
            "31 curl x",
            "backboard.railway.app:443",
            "infra-after-foreign-secret",
            "config.json",
            "ann",
            "claude",
            "freeze in 9 min",
            "interlock approve h7",
            "interlock explain h7",
            "decides nothing",
        ] {
            assert!(text.contains(needed), "{:?} lacks {needed}: {text}", access.kind);
        }
        let token = request
            .headers
            .iter()
            .any(|(name, value)| *name == "authorization" && value == "Bearer fake-token-0000");
        assert_eq!(token, access.kind != Kind::Telegram);
        assert!(!text.contains("fake-token"), "{text}");
        assert!(
            !text.contains("\"url\"") && !text.contains("\"actions\""),
            "nothing that could be pressed: {text}"
        );
    }
}

#[test]
fn text_of_an_agent_is_shown_and_not_obeyed() {
    let notice = notice(HOSTILE);
    let (_, slack) = composed(&access(Kind::Slack, Some("C1")), &notice, None);
    for block in slack["blocks"].as_array().unwrap() {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        if block["text"]["type"] == "mrkdwn" {
            let inner = text.strip_prefix("```\n").unwrap().strip_suffix("\n```").unwrap();
            assert!(!inner.contains(['<', '>', '`']), "{inner}");
        }
    }
    assert!(
        slack.to_string().contains("&lt;!channel&gt;") && slack.to_string().contains("&amp;amp;"),
        "{slack}"
    );
    for kind in [Kind::Telegram, Kind::Matrix] {
        let (_, body) = composed(&access(kind, Some("1")), &notice, None);
        let html = body.get("text").or_else(|| body.get("formatted_body")).unwrap().as_str().unwrap();
        assert!(html.contains("&lt;/pre&gt;&lt;a href=&quot;x&quot;&gt;&amp;amp; @room"), "{html}");
        assert_eq!(html.matches("</pre>").count(), 2, "{html}");
    }
    let (_, matrix) = composed(&access(Kind::Matrix, Some("1")), &notice, None);
    assert_eq!(matrix["m.mentions"], json!({}));
    // A line break would be a header's end elsewhere; here it is text in JSON, and escaped before.
    let (request, ntfy) = composed(&access(Kind::Ntfy, Some("il")), &notice, None);
    assert!(ntfy["message"].as_str().unwrap().contains("#x\\r\\nTags: x"), "{ntfy}");
    assert!(request.headers.iter().all(|(_, value)| !value.contains("Tags")));
}

#[test]
fn no_message_is_longer_than_its_service_takes() {
    for fill in ["x", "&", "<", "\"", "\\", "👍", "`", "\u{202e}", "\n"] {
        let long = fill.repeat(20_000);
        let mut notice = notice(&long);
        notice.read = vec![long.clone(); 9];
        (notice.object, notice.summary, notice.agent) =
            (Some(long.clone()), Some(long.clone()), Some(long.clone()));
        notice.rules = vec![long.clone(); 20];
        let notice = notice.bounded();
        let sizes = serde_json::to_vec(&notice).unwrap().len();
        assert!(sizes < 32 * 1024, "{fill}: {sizes}");
        let body = |kind, place| composed(&access(kind, place), &notice, None).1;
        let (request, ntfy) = composed(&access(Kind::Ntfy, Some("il")), &notice, None);
        assert!(request.body.len() <= 8192, "{fill}: {}", request.body.len());
        assert!(ntfy["message"].as_str().unwrap().contains("$ interlock deny h7"), "{ntfy}");
        assert!(
            ntfy["message"].as_str().unwrap().len() <= 4096 && ntfy["title"].as_str().unwrap().len() <= 250
        );
        let slack = body(Kind::Slack, Some("C1"));
        assert!(slack["blocks"].as_array().unwrap().len() <= 50);
        for block in slack["blocks"].as_array().unwrap() {
            let most = if block["type"] == "header" { 150 } else { 3000 };
            assert!(block["text"]["text"].as_str().unwrap_or_default().chars().count() <= most, "{block}");
        }
        let telegram = body(Kind::Telegram, Some("1"));
        let shown = telegram["text"]
            .as_str()
            .unwrap()
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"");
        assert!(shown.encode_utf16().count() <= 4096, "{fill}: {}", shown.encode_utf16().count());
        assert!(shown.contains("interlock deny h7"), "what is cut is the table: {shown}");
        let (matrix, _) = composed(&access(Kind::Matrix, Some("1")), &notice, Some("$e"));
        assert!(matrix.body.len() <= 60_000, "{fill}: {}", matrix.body.len());
    }
}

#[test]
fn what_was_decided_changes_the_message_where_the_service_can() {
    let mut notice = notice("curl x");
    notice.class = Class::Decided;
    let by = Some("uid 1000 (pid 4711)".to_owned());
    notice.decided =
        Some(Decided { state: HoldState::Denied, at: notice.at, by, reason: Some("not ours".into()) });
    let (_, body) = composed(&access(Kind::Ntfy, Some("il")), &notice, Some("abc"));
    assert_eq!(body["sequence_id"], "abc");
    let (request, body) = composed(&access(Kind::Slack, Some("#ops")), &notice, Some("C1 17.5"));
    assert!(request.url.ends_with("/chat.update"), "{}", request.url);
    assert_eq!((&body["channel"], &body["ts"]), (&json!("C1"), &json!("17.5")));
    let (request, body) = composed(&access(Kind::Telegram, Some("-1")), &notice, Some("42"));
    assert!(request.url.ends_with("/editMessageText") && body["message_id"] == 42, "{body}");
    let (_, body) = composed(&access(Kind::Matrix, Some("!r")), &notice, Some("$event"));
    assert_eq!(body["m.relates_to"], json!({ "rel_type": "m.replace", "event_id": "$event" }));
    for needed in ["h7 was denied on vm", "uid 1000 (pid 4711)", "not ours"] {
        assert!(body["m.new_content"]["body"].as_str().unwrap().contains(needed), "{body}");
    }
    assert!(!body.to_string().contains("interlock approve"), "{body}");
}

#[test]
fn each_answer_is_read_as_its_service_means_it() {
    let slack = access(Kind::Slack, Some("C1"));
    let delivered = |handle: &str| Outcome::Delivered(Some(handle.to_owned()));
    assert_eq!(
        answered(&slack, 200, &json!({ "ok": true, "channel": "C1", "ts": "1.5" }), None),
        delivered("C1 1.5")
    );
    assert!(matches!(
        answered(&slack, 200, &json!({ "ok": false, "error": "invalid_auth" }), None),
        Outcome::Refused(_)
    ));
    assert!(matches!(
        answered(&slack, 200, &json!({ "ok": false, "error": "ratelimited" }), None),
        Outcome::Later { .. }
    ));
    assert!(matches!(answered(&slack, 200, &json!("proxy page"), None), Outcome::Later { .. }));
    assert_eq!(answered(&access(Kind::Slack, None), 200, &json!("ok"), None), Outcome::Delivered(None));
    let telegram = access(Kind::Telegram, Some("1"));
    assert_eq!(
        answered(&telegram, 200, &json!({ "ok": true, "result": { "message_id": 42 } }), None),
        delivered("42")
    );
    let busy = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": { "retry_after": 35 } });
    let Outcome::Later { pause, .. } = answered(&telegram, 429, &busy, None) else { panic!() };
    assert_eq!(pause.unwrap().as_secs(), 35);
    let same = json!({ "ok": false, "description": "Bad Request: message is not modified" });
    assert_eq!(answered(&telegram, 400, &same, Some("42")), delivered("42"));
    let matrix = access(Kind::Matrix, Some("1"));
    assert_eq!(answered(&matrix, 200, &json!({ "event_id": "$2" }), Some("$1")), delivered("$1"));
    let busy = json!({ "errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2000 });
    let Outcome::Later { pause, why } = answered(&matrix, 429, &busy, None) else { panic!() };
    assert_eq!((pause.unwrap().as_secs(), why.as_str()), (2, "answered 429: M_LIMIT_EXCEEDED"));
}
