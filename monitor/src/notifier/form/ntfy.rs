//! ntfy, by its JSON form: text of an agent's never becomes a header. Updated where the server is 2.16 or newer; an older one
//! shows a second message.

use serde_json::json;

use super::request::{Message, Request, json as parsed, post};
use crate::{
    config::Class,
    notifier::{
        access::Access,
        notice::{Notice, fit},
        outcome::{Outcome, Reply},
        page::Page,
    },
};
use interlock_core::facts::Severity;

/// Beyond 4,096 bytes ntfy makes a file of a message, which nobody reads on a phone, and a body of 8,192 bytes it refuses; counted as
/// they stand in JSON.
const TEXT: usize = 3_900;
const TITLE: usize = 240;

pub fn compose(access: &Access, message: &Message<'_>, page: &Page) -> Request {
    let body = json!({
        "topic": access.place(),
        "title": fit(&page.title, TITLE, cost),
        "message": page.text_within(TEXT, cost),
        "priority": priority(message.notice),
        "tags": [tag(message.notice)],
        "sequence_id": message.thread,
    });
    // Its JSON form is taken at the root of the server.
    post(format!("{}/", access.address.as_str()), &body, access.token())
}

/// Bytes of a character in JSON.
fn cost(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' => 2,
        _ => character.len_utf8(),
    }
}

/// 5 rings until it is seen, 4 rings, 3 is usual, 2 is silent.
fn priority(notice: &Notice) -> u8 {
    match (notice.class, notice.severity) {
        (Class::Hold | Class::BreakGlass, Severity::Critical) => 5,
        (Class::Hold | Class::BreakGlass | Class::Freeze | Class::Kill, _) => 4,
        (Class::Health | Class::Alert, Severity::High | Severity::Critical) => 4,
        (Class::Decided | Class::Would, _) => 2,
        _ => 3,
    }
}

fn tag(notice: &Notice) -> &'static str {
    match notice.class {
        Class::Hold => "raised_hand",
        Class::Decided | Class::Thaw => "information_source",
        Class::Freeze | Class::Kill => "no_entry",
        _ => "warning",
    }
}

pub fn read(message: &Message<'_>, reply: &Reply) -> Outcome {
    let answer = parsed(reply);
    let says = answer.get("error").and_then(|error| error.as_str());
    match Outcome::of_status(reply, says) {
        Outcome::Delivered(_) => Outcome::Delivered(Some(message.thread.clone())),
        other => other,
    }
}
