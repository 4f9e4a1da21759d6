//! Links that a thread ends, one after the other. The end of each waits until no processor is in its program any more, some 30 to 60 ms, so a
//! session that begins meanwhile takes back what is left.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use aya::programs::links::FdLink;

use super::table::Attachment;
use crate::capabilities::{self, Duty};

/// Links that are being ended.
pub struct Ending {
    wanted: Arc<AtomicBool>,
    thread: JoinHandle<Links>,
}

pub type Links = Vec<(&'static Attachment, FdLink)>;

impl Ending {
    pub fn begin(mut links: Links) -> Self {
        let wanted = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&wanted);
        let thread = std::thread::spawn(move || {
            capabilities::keep(Duty::Judge); // it may begin before who judges does
            while !stops.load(Ordering::Relaxed)
                && let Some(link) = links.pop()
            {
                drop(link);
            }
            links
        });
        Self { wanted, thread }
    }

    /// Those that are left.
    pub fn stop(self) -> Links {
        self.wanted.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| {
            tracing::error!("a thread that ended links has panicked");
            Vec::new()
        })
    }
}
