//! The event loop as the rest of the daemon sees it: an inbox that wakes it up, and the stream of its events.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
};

use rustix::event::{EventfdFlags, eventfd};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::{
    archive::{Librarian, Question, Sight, Told},
    control::{
        command::{Command, EventLoop},
        live::Live,
    },
    daemon::context::{
        flows::connections::Had, mailbox::summary::Summary, policy_set::Loaded, reporter::bus::Bus,
    },
};
use interlock_core::{facts::SessionId, pods::Update, problem::Problems};
use interlock_host::packages::Answers;
#[cfg(feature = "kubernetes")]
use interlock_kubernetes::holds::{decision::Answer, decisions::Proposal};

/// What reaches the event loop from outside the kernel.
#[derive(Debug)]
pub enum Message {
    Command(Box<Command>),
    /// A decision came through the cluster.
    #[cfg(feature = "kubernetes")]
    Proposed(Box<Proposal>, oneshot::Sender<(Answer, String)>),
    /// SIGHUP: read the rules again.
    Reload,
    /// A rule file or a catalogue may have changed.
    FilesChanged,
    /// What the package managers said of their registries.
    Registries(Answers),
    /// Rules and catalogues, read again.
    Read(Box<Result<Loaded, Problems>>),
    /// What a process of a session had open before its label, where that took time to find.
    Connections(SessionId, Had),
    /// What the cluster says of this node's pods.
    #[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "nobody watches"))]
    Pods(Box<Update>),
    /// SIGTERM, SIGINT.
    Stop,
}

/// The way into the event loop's inbox.
#[derive(Clone)]
pub struct Inbox {
    sender: Sender<Message>,
    wake: Arc<OwnedFd>,
}

impl Inbox {
    /// Hands in an input; returns it back if the event loop has ended.
    ///
    /// # Errors
    /// The event loop has ended.
    pub fn send(&self, input: Message) -> Result<(), Message> {
        self.sender.send(input).map_err(|error| error.0)?;
        // The counter being full means that the event loop is awake anyway.
        let _ = rustix::io::write(self.wake.as_fd(), &1_u64.to_ne_bytes());
        Ok(())
    }
}

/// A handle to the event loop's thread.
pub struct Handle {
    inbox: Inbox,
    bus: Bus,
    librarian: Librarian,
    ask_again: Arc<Notify>,
    summary: Arc<Summary>,
}

impl Handle {
    /// Older events are read from the files in `state`.
    ///
    /// # Errors
    /// No descriptor is left, or no thread can be had.
    pub fn new(state: PathBuf) -> std::io::Result<(Self, Ends)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (sender, inbox) = mpsc::channel();
        let bus = Bus::new();
        let ask_again = Arc::new(Notify::new());
        let back = Inbox { sender, wake: Arc::clone(&wake) };
        let handle = Self {
            inbox: back.clone(),
            bus: bus.clone(),
            librarian: Librarian::start(state)?,
            ask_again: Arc::clone(&ask_again),
            summary: Arc::default(),
        };
        let summary = Arc::clone(&handle.summary);
        Ok((handle, Ends { inbox, back, wake, bus, ask_again, summary }))
    }

    /// The way into the inbox alone.
    #[cfg(test)]
    pub fn way_in(&self) -> Inbox {
        self.inbox.clone()
    }

    /// What the event loop notifies when the package managers are to be asked again.
    #[must_use]
    pub fn ask_again(&self) -> Arc<Notify> {
        Arc::clone(&self.ask_again)
    }

    /// What the event loop is doing.
    #[must_use]
    pub fn summary(&self) -> Arc<Summary> {
        Arc::clone(&self.summary)
    }

    /// Hands in an input; returns it back if the event loop has ended.
    ///
    /// # Errors
    /// The event loop has ended.
    pub fn send(&self, input: Message) -> Result<(), Message> {
        self.inbox.send(input)
    }
}

impl EventLoop for Handle {
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

    fn past(&self, question: Question, sight: Sight, kept: Vec<Value>) -> Option<oneshot::Receiver<Told>> {
        self.librarian.ask(question, sight, kept)
    }
}

/// The event loop's own ends.
pub struct Ends {
    pub inbox: Receiver<Message>,
    /// The way back in, for threads of the event loop's own.
    pub back: Inbox,
    pub wake: Arc<OwnedFd>,
    pub bus: Bus,
    /// Has the package managers asked again.
    pub ask_again: Arc<Notify>,
    pub summary: Arc<Summary>,
}
