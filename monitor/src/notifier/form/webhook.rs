//! Any HTTP server: the whole message as JSON, in the frame that Standard Webhooks asks for, signed where there is a secret.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::request::{Message, Request, post};
use crate::notifier::{access::Access, page::Page, sign};
use interlock_core::words::Word as _;

pub fn compose(access: &Access, message: &Message<'_>, page: &Page, now: Timestamp) -> Request {
    let mut request = post(access.address.as_str().to_owned(), &body(message, page), access.token());
    match &access.secret {
        Some(secret) => request.headers.extend(sign::headers(secret, &message.id, now, &request.body)),
        // Told apart by its id also where nobody can check who sent it.
        None => request.headers.push(("webhook-id", message.id.clone())),
    }
    request
}

fn body(message: &Message<'_>, page: &Page) -> Value {
    let notice = message.notice;
    json!({
        "type": format!("interlock.{}", notice.class.word()),
        "timestamp": notice.decided.as_ref().map_or(notice.at, |decided| decided.at),
        "data": {
            "id": message.id,
            "thread": message.thread,
            "title": page.title,
            "text": page.text(),
            "notice": notice,
        },
    })
}
