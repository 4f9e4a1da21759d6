//! Matrix, by the client-server API. A message's id is its transaction: sent twice, it is there once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    html::html,
    request::{Message, Request, garbage, json as parsed, post},
};
use crate::{
    notifier::{
        access::Access,
        outcome::{Outcome, Reply},
        page::Page,
    },
    uri::percent_encoded,
};

/// An event has 65,536 bytes, and an edit has the text four times.
const TEXT: usize = 8_000;

pub fn compose(access: &Access, message: &Message<'_>, page: &Page) -> Request {
    let mut content = content(page);
    if let Some(event) = message.handle {
        let new = content.clone();
        content["m.new_content"] = new;
        content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
    }
    let (server, room) = (access.address.as_str(), percent_encoded(access.place()));
    let url = format!(
        "{server}/_matrix/client/v3/rooms/{room}/send/m.room.message/{}",
        percent_encoded(&message.id)
    );
    Request { put: true, ..post(url, &content, access.token()) }
}

fn content(page: &Page) -> Value {
    json!({
        "msgtype": "m.text",
        "body": format!("{}\n{}", page.title, page.text_within(TEXT, cost)),
        "format": "org.matrix.custom.html",
        "formatted_body": html(page, TEXT, cost).replace("</b>\n", "</b>"),
        // What an agent writes calls nobody by name.
        "m.mentions": {},
    })
}

/// Bytes of a character in HTML or in JSON, whichever is more.
fn cost(character: char) -> usize {
    match character {
        '"' => 6,
        '&' => 5,
        '<' | '>' => 4,
        '\\' | '\n' => 2,
        _ => character.len_utf8(),
    }
}

pub fn read(message: &Message<'_>, reply: &Reply) -> Outcome {
    let answer = parsed(reply);
    let says = answer.get("errcode").and_then(Value::as_str);
    let asked = answer.get("retry_after_ms").and_then(Value::as_u64).map(Duration::from_millis);
    let reply = Reply { retry_after: reply.retry_after.or(asked), ..reply.clone() };
    match (Outcome::of_status(&reply, says), answer.get("event_id").and_then(Value::as_str)) {
        // Of an edited message, the first event is what further edits name.
        (Outcome::Delivered(_), Some(event)) => {
            Outcome::Delivered(Some(message.handle.unwrap_or(event).to_owned()))
        }
        (Outcome::Delivered(_), None) => garbage(&reply),
        (other, _) => other,
    }
}
