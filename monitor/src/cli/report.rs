//! `interlock report`.

mod gathered;
mod hold;
mod next;
mod page;
mod summary;
mod tally;

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use nix::unistd::User;

pub(super) use self::summary::Summary;
use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    past,
    time::{in_order, moment_before},
};
use crate::{archive::Question, control::client::Client};
use interlock_host::proc::users;

#[derive(Args, Debug)]
pub struct Report {
    /// From then on: 2h, 7d, 2026-11-20, 2026-11-20T10:00
    #[arg(long, value_name = "TIME", value_parser = moment_before, default_value = "7d")]
    since: Timestamp,
    /// Until then, in the same words
    #[arg(long, value_name = "TIME", value_parser = moment_before)]
    until: Option<Timestamp>,
    /// Only sessions of this user, by name or uid
    #[arg(long, value_name = "USER", value_parser = uid)]
    user: Option<u32>,
    /// Read the files alone, without asking a daemon (as root)
    #[arg(long)]
    files: bool,
    #[command(flatten)]
    reading: Reading,
}

impl Report {
    pub fn perform(&self, client: &Client, global: &Global) -> Result<Exit, Failure> {
        let printer = global.printer(self.reading);
        in_order(Some(self.since), self.until)?;
        let question = Question {
            files: true,
            since: Some(self.since),
            until: self.until,
            user: self.user,
            weighty: true,
            ..Question::default()
        };
        let found = past::ask(client, global, &printer, &question, self.files)?;
        let until = self.until.unwrap_or_else(Timestamp::now);
        let zone = TimeZone::system();
        let summary = Summary::of(&found, (self.since, until), &zone);
        if printer.is_json() {
            printer.json(&summary)?;
        } else {
            printer.data(&page::page(&summary, &zone, user_name))?;
        }
        Ok(Exit::Success)
    }
}

/// # Errors
/// What was expected.
fn uid(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(format!("no user is named {text:?}; expected a name or a uid")),
        Err(error) => Err(format!("the user {text:?} cannot be looked up: {error}")),
    }
}

/// `ann (1000)`; the number alone where no name is known.
fn user_name(uid: &str) -> String {
    let known = uid.parse().ok().and_then(users::name_on_this_machine);
    known.map_or_else(|| uid.to_owned(), |name| format!("{name} ({uid})"))
}
