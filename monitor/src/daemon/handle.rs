//! The engine as the rest of the daemon sees it: an inbox that wakes it up, and the stream of its events.

use std::{
    collections::VecDeque,
    os::fd::{AsFd as _, OwnedFd},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
};

use rustix::event::{EventfdFlags, eventfd};
use serde_json::Value;
use tokio::sync::{Notify, broadcast};

use crate::{
    catalog::packages::Answers,
    control::command::{Command, Engine},
};

/// Events kept for whoever asks later.
const RECENT: usize = 2048;
/// Events a slow reader may lag behind before it is told that it missed some.
const BACKLOG: usize = 4096;

/// What reaches the engine from outside the kernel.
#[derive(Debug)]
pub enum Input {
    Command(Box<Command>),
    /// SIGHUP: read the rules again.
    Reload,
    /// A rule file or a catalogue may have changed.
    FilesChanged,
    /// What the package managers said of their registries.
    Registries(Answers),
    /// SIGTERM, SIGINT.
    Stop,
}

/// Events on their way out.
#[derive(Clone)]
pub struct Bus {
    live: broadcast::Sender<Arc<Value>>,
    recent: Arc<Mutex<VecDeque<Arc<Value>>>>,
}

impl Bus {
    pub fn publish(&self, event: Arc<Value>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&event));
        drop(recent);
        let _ = self.live.send(event); // nobody listens: that is no failure
    }

    /// The event of that id, if it is still kept.
    pub fn find(&self, id: &str) -> Option<Arc<Value>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|event| event.get("event.id").is_some_and(|known| known == id)).cloned()
    }
}

/// A handle to the engine's thread.
pub struct Handle {
    inbox: Sender<Input>,
    wake: Arc<OwnedFd>,
    bus: Bus,
    ask_again: Arc<Notify>,
}

/// The engine's own ends.
pub struct Ends {
    pub inbox: Receiver<Input>,
    pub wake: Arc<OwnedFd>,
    pub bus: Bus,
    /// Has the package managers asked again.
    pub ask_again: Arc<Notify>,
}

impl Handle {
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> std::io::Result<(Self, Ends)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (sender, inbox) = mpsc::channel();
        let bus = Bus { live: broadcast::Sender::new(BACKLOG), recent: Arc::default() };
        let ask_again = Arc::new(Notify::new());
        let handle = Self {
            inbox: sender,
            wake: Arc::clone(&wake),
            bus: bus.clone(),
            ask_again: Arc::clone(&ask_again),
        };
        Ok((handle, Ends { inbox, wake, bus, ask_again }))
    }

    /// What the engine notifies when the package managers are to be asked again.
    #[must_use]
    pub fn ask_again(&self) -> Arc<Notify> {
        Arc::clone(&self.ask_again)
    }

    /// Hands in an input; gives it back if the engine has ended.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn send(&self, input: Input) -> Result<(), Input> {
        self.inbox.send(input).map_err(|error| error.0)?;
        // The counter being full means that the engine is awake anyway.
        let _ = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
        Ok(())
    }
}

impl Engine for Handle {
    fn submit(&self, command: Command) -> Result<(), Box<Command>> {
        match self.send(Input::Command(Box::new(command))) {
            Err(Input::Command(command)) => Err(command),
            _ => Ok(()),
        }
    }

    fn events(&self) -> broadcast::Receiver<Arc<Value>> {
        self.bus.live.subscribe()
    }

    fn recent(&self) -> Vec<Arc<Value>> {
        self.bus.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
