//! A message in the form of each service: what is sent, and what its answer means.

mod html;
mod matrix;
mod ntfy;
mod request;
mod slack;
mod telegram;
mod webhook;

use jiff::{Timestamp, tz::TimeZone};

pub use self::request::{Message, Request};
use super::{
    access::Access,
    outcome::{Outcome, Reply},
    page::Page,
};
use crate::config::Kind;

/// Composes what is sent.
#[must_use]
pub fn compose(access: &Access, message: &Message<'_>, now: Timestamp, zone: &TimeZone) -> Request {
    let page = Page::of(message.notice, now, zone);
    match access.kind {
        Kind::Webhook => webhook::compose(access, message, &page, now),
        Kind::Ntfy => ntfy::compose(access, message, &page),
        Kind::Slack => slack::compose(access, message, &page),
        Kind::Matrix => matrix::compose(access, message, &page),
        Kind::Telegram => telegram::compose(access, message, &page),
    }
}

/// Reads what was answered.
#[must_use]
pub fn read(access: &Access, message: &Message<'_>, reply: &Reply) -> Outcome {
    match access.kind {
        Kind::Webhook => Outcome::of_status(reply, None),
        Kind::Ntfy => ntfy::read(message, reply),
        Kind::Slack => slack::read(access, message, reply),
        Kind::Matrix => matrix::read(message, reply),
        Kind::Telegram => telegram::read(message, reply),
    }
}

#[cfg(test)]
mod tests;
