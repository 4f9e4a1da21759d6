//! `interlock watch`: what waits for a decision, live, on one screen.
//!
//! The state and what changes it (`model`, `update`) know no terminal; `draw` knows nothing else; `worker` and `feed` ask the
//! daemon. See `docs/decisions/0036-a-screen-to-decide-at.md`.

mod agenda;
mod answer;
mod dialog;
mod draw;
mod events;
mod evidence;
mod feed;
mod message;
mod model;
mod theme;
mod update;
mod worker;

use std::{
    io::{self, IsTerminal as _},
    time::Instant,
};

use clap::Args;
use crossterm::{
    event::{DisableBracketedPaste, EnableBracketedPaste, EventStream},
    execute,
};
use futures_util::StreamExt as _;
use jiff::{Timestamp, tz::TimeZone};
use ratatui::DefaultTerminal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, Receiver, Sender, UnboundedSender},
    time::{Duration, interval},
};

use self::{
    message::{Input, Order},
    model::State,
    theme::Theme,
    update::update,
};
use super::{
    exit::{Exit, Failure},
    wait::wait,
};
use crate::control::client::Client;

/// How often countdowns are drawn again.
const TICK: Duration = Duration::from_millis(500);
/// What waits to be shown; beyond, the daemon is told to wait, and says what it could not deliver.
const INPUTS: usize = 1024;

#[derive(Args, Debug)]
pub struct Watch {}

impl Watch {
    #[expect(clippy::unused_self, reason = "as every verb is called")]
    pub fn perform(&self, client: &Client) -> Result<Exit, Failure> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            let text = "watch needs a terminal; `interlock holds` and `interlock events -f` need none";
            return Err(Failure::new(Exit::Usage, text));
        }
        // Raw mode and another screen, and back also where this program panics.
        let terminal = ratatui::try_init()?;
        let pasted = Pasted::marked();
        let shown = wait(run(client.clone(), terminal));
        drop(pasted);
        ratatui::try_restore()?;
        shown.map(|()| Exit::Success)
    }
}

/// The terminal marks what is pasted, so that it is not taken for keys.
struct Pasted;

impl Pasted {
    fn marked() -> Self {
        let _ = execute!(io::stdout(), EnableBracketedPaste); // some terminals cannot: a question takes no answer at once
        Self
    }
}

impl Drop for Pasted {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableBracketedPaste); // the terminal is gone
    }
}

/// Until it is left by key or by signal, or its terminal is gone.
async fn run(client: Client, mut terminal: DefaultTerminal) -> Result<(), Failure> {
    let (orders, asked) = mpsc::unbounded_channel();
    let (sender, mut inputs) = mpsc::channel(INPUTS);
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()] {
        let (mut end, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            end.recv().await;
            let _ = sender.send(Input::Ended).await;
        });
    }
    tokio::spawn(worker::run(client.clone(), asked, sender.clone()));
    tokio::spawn(feed::run(client, sender.clone()));
    tokio::spawn(keys(sender));
    let size = terminal.size()?;
    let mut state = State::new(Timestamp::now(), TimeZone::system(), (size.width, size.height));
    let theme = Theme::of_environment();
    let mut tick = interval(TICK);
    loop {
        let drawn = terminal.draw(|frame| draw::draw(&state, theme, frame))?.area;
        // A window that has just changed is drawn again when that is known.
        if (drawn.width, drawn.height) == state.size {
            state.was_drawn(Instant::now());
        }
        let first = tokio::select! {
            input = inputs.recv() => input.unwrap_or(Input::Ended),
            _ = tick.tick() => Input::Tick(Timestamp::now()),
        };
        if !take(&mut state, first, &mut inputs, &orders) {
            return Ok(());
        }
    }
}

/// Takes an input and what waits behind it; returns whether to go on.
fn take(
    state: &mut State,
    first: Input,
    inputs: &mut Receiver<Input>,
    orders: &UnboundedSender<Order>,
) -> bool {
    let mut next = Some(first);
    while let Some(input) = next {
        for order in update(state, input) {
            if matches!(order, Order::Quit) || orders.send(order).is_err() {
                return false;
            }
        }
        next = inputs.try_recv().ok();
    }
    true
}

async fn keys(sender: Sender<Input>) {
    let mut events = EventStream::new();
    while let Some(Ok(event)) = events.next().await {
        if let Some(input) = Input::of_terminal(event)
            && sender.send(input).await.is_err()
        {
            return;
        }
    }
    let _ = sender.send(Input::Ended).await; // the terminal is gone
}

#[cfg(test)]
mod tests;
