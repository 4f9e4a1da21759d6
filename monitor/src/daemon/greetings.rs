//! What connections say of themselves as they begin, in sessions that need not wait: their names are kept, because later
//! they may have to.

use std::{borrow::Cow, collections::HashMap, net::IpAddr};

use monitor_common::{event::network::FlowAsk, policy::FlowName};

use super::{engine::Engine, losses::DropReason};
use interlock_core::{
    facts::SessionId,
    names::{self, Shown, kept},
};

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
    fn wait(&mut self, shown: &FlowAsk, so_far: Vec<u8>) -> bool {
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

impl Engine {
    /// A segment at the begin of a stream, which has passed.
    pub fn on_greeting(&mut self, shown: &FlowAsk) {
        if self.decider.sessions.get(SessionId(shown.header.session)).is_none() {
            return self.dismiss("greeting", DropReason::SessionOver);
        }
        if self.kept_name(shown).is_some() {
            return; // inside a tunnel
        }
        let so_far = self.greetings.with_before(shown).into_owned();
        let bytes = Shown { bytes: &so_far, changeable: shown.changeable != 0 };
        let said = names::said(IpAddr::from(shown.address).to_canonical(), shown.port, bytes);
        if said.unfinished {
            if !self.greetings.wait(shown, so_far) {
                // Who could have said a name, and whose name nobody will know, is nobody that DNS can speak for.
                self.keep_name(shown, &names::Identified { nameless: true, ..Default::default() });
            }
        } else {
            self.greetings.forget(shown.cookie);
            self.keep_name(shown, &said);
        }
    }

    /// What the connection said when it began; `None` also where it leads elsewhere by now.
    pub fn kept_name(&self, shown: &FlowAsk) -> Option<FlowName> {
        let kept = self.maps.flow_name(shown.cookie)?;
        (kept.address == shown.address && kept.port == shown.port).then_some(kept)
    }

    /// Keeps the first name that a connection says.
    pub fn keep_name(&mut self, shown: &FlowAsk, said: &names::Identified) {
        let Some(name) = kept::keep(said, shown.address, shown.port) else { return };
        if let Err(error) = self.maps.name_flow(shown.cookie, name) {
            // Fails closed: without a name it asks as one to an unknown place.
            tracing::warn!(cookie = shown.cookie, %error, "the name of a connection cannot be kept");
        }
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
