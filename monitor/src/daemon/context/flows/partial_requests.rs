//! Requests that have begun and do not say yet who they are for.
//!
//! Nothing of them has left, and no server could answer half a request either, so they are not judged at once: what the
//! program writes next is added to what waits, and the kernel asks again with more.

use std::{collections::HashMap, time::Duration};

use monitor_common::event::network::{FlowAsk, PAYLOAD_MAX};

use interlock_core::facts::BootNanos;

/// How long a request may stay unfinished. Then it is judged as one without a name.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests that may be unfinished at once (4 KiB each); above it they are judged as they are.
const MAX: usize = 256;

#[derive(Default)]
pub struct PartialRequests {
    waiting: HashMap<u64, Head>,
}

impl PartialRequests {
    /// Keeps the question until more is shown; `false` where nothing more can be, or too many wait.
    pub fn wait(&mut self, ask: &FlowAsk) -> bool {
        if ask.payload_size as usize >= PAYLOAD_MAX || ask.payload_len != ask.payload_size {
            return false;
        }
        if let Some(head) = self.waiting.get_mut(&ask.cookie) {
            *head.ask = *ask; // its timeout began with the first
            return true;
        }
        if self.waiting.len() >= MAX {
            return false;
        }
        let until = BootNanos(ask.header.at_ns).plus(REQUEST_TIMEOUT);
        self.waiting.insert(ask.cookie, Head { until, ask: Box::new(*ask) });
        true
    }

    #[must_use]
    pub fn contains(&self, cookie: u64) -> bool {
        self.waiting.contains_key(&cookie)
    }

    /// The flow is judged.
    pub fn remove(&mut self, cookie: u64) {
        self.waiting.remove(&cookie);
    }

    /// Takes out the questions whose time is over.
    pub fn overdue(&mut self, now: BootNanos) -> Vec<Box<FlowAsk>> {
        self.waiting.extract_if(|_, head| head.until <= now).map(|(_, head)| head.ask).collect()
    }

    #[must_use]
    pub fn next_deadline(&self) -> Option<BootNanos> {
        self.waiting.values().map(|head| head.until).min()
    }
}

struct Head {
    until: BootNanos,
    ask: Box<FlowAsk>,
}

#[cfg(test)]
mod tests {
    use monitor_common::event::{Header, kind};
    use zerocopy::FromZeros as _;

    use super::*;

    fn ask(cookie: u64, at_ns: u64, size: u32) -> FlowAsk {
        let mut ask = FlowAsk::new_zeroed();
        ask.header = Header { at_ns, kind: kind::FLOW_ASK, ..ask.header };
        (ask.cookie, ask.payload_size, ask.payload_len) = (cookie, size, size.min(PAYLOAD_MAX as u32));
        ask
    }

    #[test]
    fn what_comes_later_replaces_what_was_shown_and_not_the_deadline() {
        let mut heads = PartialRequests::default();
        assert!(heads.wait(&ask(1, 10, 3)) && heads.wait(&ask(1, 500, 9)));
        let due = BootNanos(10 + REQUEST_TIMEOUT.as_nanos() as u64);
        assert_eq!(heads.next_deadline(), Some(due));
        assert!(heads.overdue(BootNanos(due.0 - 1)).is_empty());
        assert_eq!(heads.overdue(due).iter().map(|ask| ask.payload_size).collect::<Vec<_>>(), [9]);
        assert_eq!(heads.next_deadline(), None);
    }

    #[test]
    fn what_cannot_grow_and_what_is_too_much_is_judged_at_once() {
        let mut heads = PartialRequests::default();
        assert!(!heads.wait(&ask(1, 0, PAYLOAD_MAX as u32)));
        assert!((0..MAX as u64).all(|cookie| heads.wait(&ask(cookie, 0, 1))));
        assert!(!heads.wait(&ask(MAX as u64, 0, 1)));
        heads.remove(0);
        assert!(heads.wait(&ask(MAX as u64, 0, 1)));
    }
}
