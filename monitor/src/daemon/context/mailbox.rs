//! The event loop's end of its inbox, and what it wakes others by.

pub mod directory;
pub mod handle;
pub mod looker;
pub mod summary;
pub mod verifier;

use std::{
    os::fd::OwnedFd,
    sync::{Arc, mpsc::Receiver},
};

use tokio::sync::Notify;

use crate::daemon::context::mailbox::{
    directory::Directory,
    handle::{Inbox, Message},
    looker::Looker,
    summary::Summary,
    verifier::Verifier,
};

/// The inbox, from inside.
pub struct Mailbox {
    pub inbox: Receiver<Message>,
    /// Something is in the inbox that was not looked at.
    pub inbox_waits: bool,
    pub wake: Arc<OwnedFd>,
    /// The way into the inbox, for threads of its own.
    pub back: Inbox,
    pub looker: Looker,
    pub directory: Directory,
    pub verifier: Verifier,
    pub ask_again: Arc<Notify>,
    /// For the service manager.
    pub summary: Arc<Summary>,
    pub stopping: bool,
}

impl Mailbox {
    /// What wakes the event loop up when it is written to.
    pub fn waker(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.wake)
    }
}
