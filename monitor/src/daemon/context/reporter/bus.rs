//! The stream of the daemon's events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

use crate::{
    alerts::Weight,
    daemon::context::reporter::{folding::Repeats, history::History},
};

/// Events a slow reader may lag behind before it learns that it missed some.
const BACKLOG: usize = 4096;

/// Events on their way out.
#[derive(Clone)]
pub struct Bus {
    pub weighty: broadcast::Sender<Arc<Value>>,
    pub plain: broadcast::Sender<Arc<Value>>,
    history: Arc<Mutex<History>>,
}

impl Bus {
    pub fn new() -> Self {
        let channel = || broadcast::Sender::new(BACKLOG);
        Self { weighty: channel(), plain: channel(), history: Arc::default() }
    }

    /// Keeps an event and sends it to who listens.
    pub fn publish(&self, event: Arc<Value>) {
        self.history().keep(Arc::clone(&event));
        self.send(event);
    }

    /// Sends it to who listens, and keeps nothing.
    pub fn send(&self, event: Arc<Value>) {
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

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
