//! Telegram's bots, in HTML. The token is a part of the URL, which is why nothing prints one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    html::html,
    request::{Message, Request, garbage, json as parsed, post},
};
use crate::{
    config::Class,
    notifier::{
        access::Access,
        outcome::{Outcome, Reply},
        page::Page,
    },
};

/// Of the text that is shown, in UTF-16 units as Telegram counts: 4,096, less for safety.
const TEXT: usize = 4_000;

pub fn compose(access: &Access, message: &Message<'_>, page: &Page) -> Request {
    let mut body = json!({
        "chat_id": access.place(),
        "text": html(page, TEXT, char::len_utf16),
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
    });
    let verb = match message.handle.and_then(|handle| handle.parse::<i64>().ok()) {
        Some(number) => {
            body["message_id"] = number.into();
            "editMessageText"
        }
        None => {
            body["disable_notification"] =
                matches!(message.notice.class, Class::Decided | Class::Would).into();
            "sendMessage"
        }
    };
    let token = access.token().unwrap_or_default();
    post(format!("{}/bot{token}/{verb}", access.address.as_str()), &body, None)
}

pub fn read(message: &Message<'_>, reply: &Reply) -> Outcome {
    let answer = parsed(reply);
    let says = answer.get("description").and_then(Value::as_str);
    // An edit that came through although its answer was lost.
    if says.is_some_and(|says| says.contains("message is not modified")) {
        return Outcome::Delivered(message.handle.map(str::to_owned));
    }
    let asked = answer.pointer("/parameters/retry_after").and_then(Value::as_u64).map(Duration::from_secs);
    let reply = Reply { retry_after: reply.retry_after.or(asked), ..reply.clone() };
    match (Outcome::of_status(&reply, says), answer.get("ok").and_then(Value::as_bool)) {
        (Outcome::Delivered(_), Some(true)) => {
            let number = answer.pointer("/result/message_id").and_then(Value::as_i64);
            Outcome::Delivered(number.map(|number| number.to_string()))
        }
        (Outcome::Delivered(_), _) => garbage(&reply),
        (other, _) => other,
    }
}
