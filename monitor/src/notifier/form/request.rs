//! What is sent and what it is about: what all forms share.

use serde_json::Value;

use crate::notifier::{
    notice::Notice,
    outcome::{Outcome, Reply},
};

/// A request that is ready to be sent. It may hold a credential, so nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub put: bool,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What is told once more of a message is known by this.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'n> {
    /// Unique; the same in each attempt.
    pub id: String,
    /// The same in everything that is told of one matter.
    pub thread: String,
    /// What the service calls the message that is to be changed.
    pub handle: Option<&'n str>,
    pub notice: &'n Notice,
}

/// A JSON body, sent by POST.
pub fn post(url: String, body: &Value, token: Option<&str>) -> Request {
    let mut headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    headers.extend(token.map(|token| ("authorization", format!("Bearer {token}"))));
    Request { put: false, url, headers, body: body.to_string().into_bytes() }
}

/// The answer as JSON; `Null` where it is none.
pub fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// An answer that should have been JSON. It may have come from somebody in between, so it is tried again.
pub fn garbage(reply: &Reply) -> Outcome {
    Outcome::later(format!("answered {} with what is not the service's", reply.status))
}
