//! The engine as the rest of the daemon sees it: an inbox that wakes it up, and the stream of its events.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
};

use rustix::event::{EventfdFlags, eventfd};
use serde_json::Value;
use tokio::sync::{Notify, broadcast};

use super::{
    folding::Repeats,
    history::History,
    policy_set::{LoadErrors, PolicySet},
    searches::Had,
};
use crate::{
    alerts::Weight,
    control::{
        command::{Command, Engine},
        live::Live,
    },
};
use interlock_core::facts::SessionId;
use interlock_host::packages::Answers;

/// Events a slow reader may lag behind before it is told that it missed some.
const BACKLOG: usize = 4096;

/// What reaches the engine from outside the kernel.
#[derive(Debug)]
pub enum Message {
    Command(Box<Command>),
    /// SIGHUP: read the rules again.
    Reload,
    /// A rule file or a catalogue may have changed.
    FilesChanged,
    /// What the package managers said of their registries.
    Registries(Answers),
    /// Rules and catalogues, read again.
    Read(Box<Result<PolicySet, LoadErrors>>),
    /// What a process of a session had open before its label, where that took time to find.
    Connections(SessionId, Had),
    /// SIGTERM, SIGINT.
    Stop,
}

/// Events on their way out.
#[derive(Clone)]
pub struct Bus {
    weighty: broadcast::Sender<Arc<Value>>,
    plain: broadcast::Sender<Arc<Value>>,
    history: Arc<Mutex<History>>,
}

impl Bus {
    fn new() -> Self {
        let channel = || broadcast::Sender::new(BACKLOG);
        Self { weighty: channel(), plain: channel(), history: Arc::default() }
    }

    /// Keeps an event and tells it to who listens.
    pub fn publish(&self, event: Arc<Value>) {
        self.history().keep(Arc::clone(&event));
        self.tell(event);
    }

    /// Tells it to who listens, alone.
    pub fn tell(&self, event: Arc<Value>) {
        let channel = if Weight::of(&event).is_plain() { &self.plain } else { &self.weighty };
        let _ = channel.send(event); // nobody listens: that is no failure
    }

    /// The kept event has happened again.
    pub fn repeat(&self, repeats: &Repeats) {
        self.history().replace(repeats.merged());
    }

    /// The event of that id, if it is still kept.
    pub fn find(&self, id: &str) -> Option<Arc<Value>> {
        self.history().find(id)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way into the engine's inbox.
#[derive(Clone)]
pub struct Inbox {
    sender: Sender<Message>,
    wake: Arc<OwnedFd>,
}

impl Inbox {
    /// Hands in an input; gives it back if the engine has ended.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn send(&self, input: Message) -> Result<(), Message> {
        self.sender.send(input).map_err(|error| error.0)?;
        // The counter being full means that the engine is awake anyway.
        let _ = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
        Ok(())
    }
}

/// A handle to the engine's thread.
pub struct Handle {
    inbox: Inbox,
    bus: Bus,
    ask_again: Arc<Notify>,
}

/// The engine's own ends.
pub struct Ends {
    pub inbox: Receiver<Message>,
    /// The way back in, for threads of the engine's own.
    pub back: Inbox,
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
        let bus = Bus::new();
        let ask_again = Arc::new(Notify::new());
        let back = Inbox { sender, wake: Arc::clone(&wake) };
        let handle = Self { inbox: back.clone(), bus: bus.clone(), ask_again: Arc::clone(&ask_again) };
        Ok((handle, Ends { inbox, back, wake, bus, ask_again }))
    }

    /// The way into the inbox alone.
    #[cfg(test)]
    pub fn way_in(&self) -> Inbox {
        self.inbox.clone()
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
    pub fn send(&self, input: Message) -> Result<(), Message> {
        self.inbox.send(input)
    }
}

impl Engine for Handle {
    fn submit(&self, command: Command) -> Result<(), Box<Command>> {
        match self.send(Message::Command(Box::new(command))) {
            Err(Message::Command(command)) => Err(command),
            _ => Ok(()),
        }
    }

    fn events(&self) -> Live {
        Live::new(self.bus.weighty.subscribe(), self.bus.plain.subscribe())
    }

    fn recent(&self) -> Vec<Arc<Value>> {
        self.bus.history().all()
    }
}
