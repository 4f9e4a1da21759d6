//! `interlock break-glass` and `interlock pause`.

use std::time::Duration;

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    exit::{Exit, Failure},
    language::{date, duration, id, plain, spelled},
    printer::Printer,
    sessions::named,
    strength::{Strength, wanted},
    wait::wait,
};
use crate::control::{
    api::SessionView,
    client::Client,
    factors::WantedStatement,
    suspensions::{Resume, Suspend},
};
use interlock_core::sessions::Way;

/// How long a pause lasts of which nothing is said.
const PAUSE: Duration = Duration::from_secs(600);

#[derive(Args, Debug)]
pub struct BreakGlass {
    /// As `interlock ps` prints it
    #[arg(value_parser = id)]
    session: String,
    /// How long: 30s, 10m, 1h; it ends by itself
    #[arg(long = "for", value_name = "TIME", value_parser = duration, required_unless_present = "end")]
    time: Option<Duration>,
    /// Why; it stands in the ledger, and everybody who is told of it reads it
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
    /// End it now
    #[arg(long, conflicts_with_all = ["time", "reason", "code", "sign", "signature", "statement"])]
    end: bool,
    #[command(flatten)]
    strength: Strength,
}

#[derive(Args, Debug)]
pub struct Pause {
    /// One of your sessions [default: all of them]
    #[arg(value_parser = id)]
    session: Option<String>,
    /// How long: 30s, 10m, 1h; it ends by itself [default: 10m]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Why; it stands in the ledger
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    reason: Option<String>,
    /// End it now
    #[arg(long, conflicts_with_all = ["time", "reason", "code", "sign", "signature", "statement"])]
    end: bool,
    #[command(flatten)]
    strength: Strength,
}

impl BreakGlass {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let session = Some(self.session.clone());
        if self.end {
            return resume(client, printer, session);
        }
        suspend(client, printer, Way::BreakGlass, session, self.time, self.reason.as_deref(), &self.strength)
    }
}

impl Pause {
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        if self.end {
            return resume(client, printer, self.session.clone());
        }
        let (session, time) = (self.session.clone(), self.time);
        suspend(client, printer, Way::Pause, session, time, self.reason.as_deref(), &self.strength)
    }
}

fn suspend(
    client: &Client,
    printer: &Printer,
    way: Way,
    session: Option<String>,
    time: Option<Duration>,
    reason: Option<&str>,
    strength: &Strength,
) -> Result<Exit, Failure> {
    let (for_seconds, reason) = (time.unwrap_or(PAUSE).as_secs(), reason.unwrap_or_default().to_owned());
    let wanted = WantedStatement {
        for_seconds: Some(for_seconds),
        reason: Some(reason.clone()),
        ..wanted(way.word(), session.as_deref().unwrap_or_default())
    };
    let Some(proof) = strength.proof(client, printer, wanted)? else { return Ok(Exit::Success) };
    let asked = Suspend { way, session, for_seconds, reason, proof };
    let sessions: Vec<SessionView> = wait(async { Ok(client.post("/v1/suspensions", &asked).await?) })?;
    for session in &sessions {
        printer.data(&said(session, Timestamp::now(), &TimeZone::system()))?;
    }
    printer.say("nothing of it is stopped until then; everything is recorded. End it sooner with --end");
    Ok(Exit::Success)
}

/// What is allowed, and until when.
fn said(session: &SessionView, now: Timestamp, zone: &TimeZone) -> String {
    let Some(suspension) = &session.suspended else {
        return format!("{}: its time is over already", named(session)); // of a second
    };
    let left =
        spelled(Duration::from_secs(suspension.until.duration_since(now).as_secs().max(0).cast_unsigned()));
    let (way, until) = (suspension.way.word(), date(suspension.until, zone));
    plain(&format!("EVERYTHING IS ALLOWED ({way}): {}, for {left}, until {until}", named(session)))
}

fn resume(client: &Client, printer: &Printer, session: Option<String>) -> Result<Exit, Failure> {
    let asked = Resume { session };
    let sessions: Vec<SessionView> = wait(async { Ok(client.post("/v1/suspensions/end", &asked).await?) })?;
    for session in &sessions {
        printer.data(&format!("its rules are in force again: {}", named(session)))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{sessions::allowance, tests::sample},
        control::suspensions::SuspensionView,
    };

    #[test]
    fn what_is_allowed_is_said_loudly_and_until_when() {
        let until = Timestamp::from_second(600).unwrap();
        let (by, reason) = ("uid 0".into(), "an outage".into());
        let suspended = Some(SuspensionView { way: Way::BreakGlass, until, by, reason });
        let session = SessionView { suspended, ..sample::session() };
        let now = Timestamp::from_second(40).unwrap();
        insta::assert_snapshot!(said(&session, now, &TimeZone::UTC), @"EVERYTHING IS ALLOWED (break-glass): claude-code 4711-0a1b2 (claude), for 9m20s, until 1970-01-01 00:10:00");
        assert_eq!(allowance(&session, now).as_deref(), Some("EVERYTHING ALLOWED for 9m20s (break-glass)"));
        assert_eq!(allowance(&sample::session(), now), None);
    }
}
