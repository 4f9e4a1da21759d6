//! What connections say of themselves as they begin, in sessions that need not wait: their names are kept, because later
//! they may have to.

use std::{borrow::Cow, collections::HashMap};

use monitor_common::event::network::FlowAsk;

/// Greetings whose end has not come, at once; above it one is read from where it goes on, which gives no name.
const MAX: usize = 256;
/// Bytes kept of one greeting. Two ClientHellos with post-quantum key shares fit.
const BYTES_MAX: usize = 8 * 1024;

/// Greetings in several segments: what came of each so far.
#[derive(Default)]
pub struct Greetings(HashMap<u64, Vec<u8>>);

impl Greetings {
    /// What a segment shows, after what came before it.
    pub fn with_before<'a>(&self, shown: &'a FlowAsk) -> Cow<'a, [u8]> {
        let piece = shown.payload.get(..shown.payload_len as usize).unwrap_or_default();
        match self.0.get(&shown.cookie) {
            Some(before) => [before.as_slice(), piece].concat().into(),
            None => piece.into(),
        }
    }

    /// Waits for the rest, where that can be. A segment of which not all was shown leaves a gap: what follows cannot be read.
    pub fn wait(&mut self, shown: &FlowAsk, so_far: Vec<u8>) -> bool {
        let is_whole = shown.payload_len == shown.payload_size && so_far.len() <= BYTES_MAX;
        if is_whole && (self.0.len() < MAX || self.0.contains_key(&shown.cookie)) {
            self.0.insert(shown.cookie, so_far);
            return true;
        }
        self.0.remove(&shown.cookie);
        false
    }

    /// The connection has said it, or is over.
    pub fn forget(&mut self, cookie: u64) {
        self.0.remove(&cookie);
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros as _;

    use super::*;

    fn piece(cookie: u64, bytes: &[u8]) -> FlowAsk {
        let mut shown = FlowAsk::new_zeroed();
        shown.cookie = cookie;
        shown.payload[..bytes.len()].copy_from_slice(bytes);
        (shown.payload_len, shown.payload_size) = (bytes.len() as u32, bytes.len() as u32);
        shown
    }

    #[test]
    fn pieces_are_joined_and_a_gap_ends_it() {
        let mut greetings = Greetings::default();
        assert!(greetings.wait(&piece(1, b"ab"), b"ab".to_vec()));
        assert_eq!(&*greetings.with_before(&piece(1, b"cd")), b"abcd");
        assert_eq!(&*greetings.with_before(&piece(2, b"cd")), b"cd");
        let cut = FlowAsk { payload_size: 9, ..piece(1, b"cd") };
        assert!(!greetings.wait(&cut, b"abcd".to_vec()));
        assert_eq!(&*greetings.with_before(&piece(1, b"ef")), b"ef");
    }

    #[test]
    fn neither_their_number_nor_their_size_grows_without_end() {
        let mut greetings = Greetings::default();
        for cookie in 0..=MAX as u64 {
            let _ = greetings.wait(&piece(cookie, b"a"), b"a".to_vec());
        }
        assert_eq!(greetings.0.len(), MAX);
        assert!(!greetings.wait(&piece(MAX as u64 + 1, b"a"), b"a".to_vec()), "it will have no name");
        assert!(!greetings.wait(&piece(0, b"a"), vec![0; BYTES_MAX + 1]));
        assert!(!greetings.0.contains_key(&0));
    }
}
