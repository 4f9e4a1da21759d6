//! Slack, in Block Kit: by a bot's token, which can change its message afterwards, or by an incoming webhook, which cannot.
//!
//! Slack reads `&`, `<` and `>` everywhere, and `*`, `_`, `~` and back ticks outside of code. So whatever an agent may have
//! written stands in code blocks, with the three escaped and no fence in it.

use serde_json::{Value, json};

use super::request::{Message, Request, garbage, json as parsed, post};
use crate::notifier::{
    access::Access,
    notice::{cut, fit},
    outcome::{Outcome, Reply},
    page::Page,
};

/// Characters of a section's text and of a header, by Slack's reference of blocks; the fences are part of it.
const SECTION: usize = 3000;
const HEADER: usize = 150;
const FENCES: usize = 8;

/// Whether it is an incoming webhook: its URL is all that it needs.
fn is_webhook(access: &Access) -> bool {
    access.place.is_none()
}

pub fn compose(access: &Access, message: &Message<'_>, page: &Page) -> Request {
    let mut body = json!({
        // What a notification shows, and a screen reader reads.
        "text": escaped(&page.title, SECTION),
        "blocks": blocks(page),
        "unfurl_links": false,
        "unfurl_media": false,
    });
    if is_webhook(access) {
        return post(access.address.as_str().to_owned(), &body, access.token());
    }
    let verb = match message.handle.and_then(|handle| handle.split_once(' ')) {
        Some((channel, ts)) => {
            body["channel"] = channel.into();
            body["ts"] = ts.into();
            "chat.update"
        }
        None => {
            body["channel"] = access.place().into();
            "chat.postMessage"
        }
    };
    post(format!("{}/{verb}", access.address.as_str()), &body, access.token())
}

fn blocks(page: &Page) -> Vec<Value> {
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&page.title, HEADER), "emoji": false } }),
        code(&page.table()),
    ];
    if !page.commands.is_empty() {
        blocks.push(code(&page.commands.join("\n")));
        let note = json!({ "type": "plain_text", "text": page.note, "emoji": false });
        blocks.push(json!({ "type": "context", "elements": [note] }));
    }
    blocks
}

fn code(text: &str) -> Value {
    let text = escaped(text, SECTION - FENCES);
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("```\n{text}\n```"), "verbatim": true } })
}

/// Escaped, and as much of it as fits. Back ticks become the mark that looks like them: three would end the block.
fn escaped(text: &str, budget: usize) -> String {
    let cost = |character| match character {
        '&' => 5,
        '<' | '>' => 4,
        _ => 1,
    };
    fit(text, budget, cost).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "ˋ")
}

pub fn read(access: &Access, message: &Message<'_>, reply: &Reply) -> Outcome {
    let answer = parsed(reply);
    let error = answer.get("error").and_then(Value::as_str);
    let by_status = Outcome::of_status(reply, error);
    if !matches!(by_status, Outcome::Delivered(_)) || is_webhook(access) {
        return by_status;
    }
    // The web API answers 200 whatever it thinks of the request.
    match (answer.get("ok").and_then(Value::as_bool), error) {
        (Some(true), _) => {
            let text = |name| answer.get(name).and_then(Value::as_str);
            let handle = text("channel").zip(text("ts")).map(|(channel, ts)| format!("{channel} {ts}"));
            Outcome::Delivered(handle.or_else(|| message.handle.map(str::to_owned)))
        }
        (
            Some(false),
            Some(
                "ratelimited"
                | "rate_limited"
                | "internal_error"
                | "fatal_error"
                | "service_unavailable"
                | "request_timeout",
            ),
        ) => Outcome::later(format!("Slack says {}", error.unwrap_or_default())),
        (Some(false), says) => Outcome::refused(format!("Slack says {}", says.unwrap_or("no"))),
        (None, _) => garbage(reply),
    }
}
