//! `interlock notify`: the person is told on the desktop, and answers there. It runs as the user, in the user's session.
//!
//! Anybody on the session bus can read a notification, replace it, close it and answer it by clicking (XTEST), an agent's processes
//! too. So nothing that is clicked lets anything go on unless the configuration says so (`desktop = "decide"`), and the daemon,
//! not this helper, has the last word: see `docs/decisions/0040-told-where-the-person-sits.md`.

mod board;
mod bus;
mod note;

use std::{path::Path, process::Stdio};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, MissedTickBehavior, interval, sleep},
};
use zbus::MessageStream;

use self::{
    board::{Board, Closed, Given},
    bus::{Desktop, Signal},
    note::{Answer, Note},
};
use super::{
    exit::{Exit, Failure},
    past,
    printer::Printer,
    wait::wait,
};
use crate::{
    archive::Question,
    control::{
        api::{Approval, Denial, HoldView, Status},
        client::{Client, ClientError},
    },
};
use interlock_core::{event_fields, facts::ReasonTerm};

/// How often everything is looked at, if nothing happens.
const EVERY: Duration = Duration::from_secs(2);
/// How long after the bus or the daemon was lost.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// Events that wait to be shown; what does not fit is seen by the next look.
const EVENTS: usize = 64;
/// Opens a terminal as the person has chosen it (the proposed "Default Terminal Execution Specification"). By its path: what a session
/// can put into PATH is not run.
const TERMINAL: &str = "/usr/bin/xdg-terminal-exec";

#[derive(Args, Debug)]
pub struct Notify {}

impl Notify {
    #[expect(clippy::unused_self, reason = "as every verb is called")]
    pub fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        wait(run(client, printer)).map(|()| Exit::Success)
    }
}

/// Until it is not permitted to: inside of a session it is not.
async fn run(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let (sender, mut events) = channel(EVENTS);
    tokio::spawn(follow(client.clone(), sender));
    let mut said = String::new();
    loop {
        let ended = match may_run(client).await? {
            Ok(()) => help(client, &mut events).await.err().unwrap_or_else(|| "it ended".to_owned()),
            Err(no_daemon) => no_daemon,
        };
        // The same once: a desktop without a daemon is no reason to fill the journal.
        if ended != said {
            printer.say(&format!("{ended}; trying again every {} s", AGAIN_AFTER.as_secs()));
            said = ended;
        }
        sleep(AGAIN_AFTER).await;
    }
}

/// # Errors
/// The daemon refuses this process. That it is away is none.
async fn may_run(client: &Client) -> Result<Result<(), String>, Failure> {
    match client.get::<Status>("/v1/status").await {
        Ok(_) => Ok(Ok(())),
        Err(error @ ClientError::NotPermitted(_)) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Shows what waits, until the bus, the server or the daemon is lost.
async fn help(client: &Client, events: &mut Receiver<Value>) -> Result<(), String> {
    let lost = |error: zbus::Error| format!("no notifications can be shown: {error}");
    let (desktop, mut signals) = Desktop::connect().await.map_err(lost)?;
    let mut helper = Helper { client, desktop, board: Board::default(), decides: false };
    let shown = helper.until_lost(&mut signals, events).await;
    // Nobody would close them any more.
    for number in helper.board.numbers() {
        helper.desktop.close(number).await;
    }
    shown
}

struct Helper<'a> {
    client: &'a Client,
    desktop: Desktop,
    board: Board,
    /// An approval that is clicked counts.
    decides: bool,
}

impl Helper<'_> {
    async fn until_lost(
        &mut self,
        signals: &mut MessageStream,
        events: &mut Receiver<Value>,
    ) -> Result<(), String> {
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = bus::next(signals) => {
                    let message = message.ok_or("the session bus has gone")?;
                    if let Some(signal) = self.desktop.signal(&message) {
                        self.heard(signal).await;
                    }
                }
                event = events.recv() => {
                    let event = event.ok_or("the events have ended")?;
                    if let Some(note) = Note::of_event(&event, self.desktop.can, &[]) {
                        self.desktop.show(&note, 0).await.map_err(|error| error.to_string())?;
                    }
                }
                _ = tick.tick() => if !self.desktop.is_there().await {
                    self.board.forget();
                    return Err("the desktop's notification server has gone".to_owned());
                },
            }
            self.look().await?;
        }
    }

    /// Brings the desktop to what waits.
    async fn look(&mut self) -> Result<(), String> {
        let lost = |error: ClientError| error.to_string();
        self.decides = self.client.get::<Status>("/v1/status").await.map_err(lost)?.desktop_decides;
        // What is shown here is said with the approval.
        let holds: Vec<HoldView> = self.client.get("/v1/holds?peek=true").await.map_err(lost)?;
        let changes = self.board.changes(&holds);
        let (show, close) = (changes.show, changes.close);
        for number in close {
            self.desktop.close(number).await;
        }
        for (hold, replaces) in show {
            let note = Note::of_hold(hold, self.desktop.can, &self.answers(hold));
            let (number, keys) =
                self.desktop.show(&note, replaces).await.map_err(|error| error.to_string())?;
            self.board.posted(hold, number, keys);
        }
        Ok(())
    }

    fn answers(&self, hold: &HoldView) -> Vec<Answer> {
        let show = Path::new(TERMINAL).exists().then_some(Answer::Show);
        // A click says no reason, proves nothing, and is one person's.
        let terms = &hold.terms;
        let suffices = terms.count == 1 && terms.factor.is_none() && terms.reason == ReasonTerm::Optional;
        let approve = (self.decides && suffices).then_some(Answer::Approve);
        show.into_iter().chain(approve).chain([Answer::Deny]).collect()
    }

    async fn heard(&mut self, signal: Signal) {
        match signal {
            Signal::Closed { number, reason } => self.board.closed(number, Closed::of(reason)),
            Signal::Invoked { number, key } => {
                let Some(given) = self.board.answer(number, &key) else { return };
                if let Err(why) = self.carry_out(&given).await {
                    let note = Note::of_refusal(&given.hold, &why, self.desktop.can);
                    let _ = self.desktop.show(&note, 0).await; // the next look finds the server gone
                }
            }
        }
    }

    async fn carry_out(&self, given: &Given) -> Result<(), String> {
        let Given { hold, seen, evidence, .. } = given;
        let evidence = Some(evidence.clone()).filter(|evidence| !evidence.is_empty());
        let words = |error: ClientError| error.to_string();
        match given.answer {
            Answer::Show => open_terminal().map_err(|error| format!("{TERMINAL} cannot be run: {error}")),
            Answer::Deny => {
                let path = format!("/v1/holds/{hold}/deny");
                self.client
                    .post::<_, HoldView>(&path, &Denial { reason: None, evidence })
                    .await
                    .map(drop)
                    .map_err(words)
            }
            Answer::Approve => {
                let desktop = Some(self.desktop.pid().await.map_err(|error| error.to_string())?);
                let approval = Approval { seen: Some(*seen), evidence, desktop, ..Approval::default() };
                let path = format!("/v1/holds/{hold}/approve");
                self.client.post::<_, HoldView>(&path, &approval).await.map(drop).map_err(words)
            }
        }
    }
}

/// The screen to decide at, in a terminal of its own, which outlives this helper.
fn open_terminal() -> std::io::Result<()> {
    let program = std::env::current_exe()?;
    let mut terminal = Command::new(TERMINAL);
    terminal.arg(program).arg("watch").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = terminal.spawn()?;
    tokio::spawn(async move { child.wait().await });
    Ok(())
}

/// Hands on what happens from now on that a person is told of; anything may mean that a hold has come or gone.
async fn follow(client: Client, events: Sender<Value>) {
    let path = past::path(&Question { follow: true, ..Question::default() });
    let since = Timestamp::now();
    while !events.is_closed() {
        if let Ok(mut lines) = client.stream(&path).await {
            while let Ok(Some(event)) = lines.next().await {
                let is_new = event_fields::at(&event).is_some_and(|at| at >= since);
                let action = event_fields::text(&event, "event.action").unwrap_or_default();
                let matters = event.get("interlock.hold.id").is_some() || action.starts_with("session-");
                if is_new && matters {
                    let _ = events.try_send(event); // it is seen by the next look
                }
            }
        }
        sleep(AGAIN_AFTER).await;
    }
}
