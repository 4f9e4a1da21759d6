//! DNS over TCP (RFC 1035, 4.2.2): messages behind a length of two bytes, put together from the pieces of a stream.

const PREFIX: usize = 2;
/// Bytes held of one stream at most.
pub const MAX_HELD: usize = 64 * 1024;
/// Size of a DNS header: nothing shorter is a message.
const MIN_MESSAGE: usize = 12;

/// Why a stream is no longer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GaveUp {
    #[error("a DNS stream announced a message that does not fit into 64 KiB")]
    Overflow,
    #[error(
        "a DNS stream announced a message shorter than a DNS header: its framing was lost, or it is not DNS"
    )]
    Framing,
    #[error("a piece of a DNS stream is missing")]
    Missed,
}

/// One direction of one connection.
#[derive(Debug, Default)]
pub struct TcpStream {
    held: Vec<u8>,
    gave_up: Option<GaveUp>,
}

impl TcpStream {
    /// Takes the next piece, returns the messages that it completes; none once the stream was given up.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        // Chunks keep what is held under the limit, whatever the size of the piece.
        for chunk in piece.chunks(MIN_MESSAGE.max(4096)) {
            if self.gave_up.is_some() {
                break;
            }
            self.held.extend_from_slice(chunk);
            self.take_whole(&mut messages);
        }
        messages
    }

    /// Reads no further, and frees what was held.
    pub fn give_up(&mut self, why: GaveUp) {
        self.held = Vec::new();
        self.gave_up = Some(why);
    }

    #[must_use]
    pub fn gave_up(&self) -> Option<GaveUp> {
        self.gave_up
    }

    fn take_whole(&mut self, messages: &mut Vec<Vec<u8>>) {
        let mut start = 0;
        while let Some(prefix) = self.held.get(start..).and_then(|rest| rest.first_chunk::<PREFIX>()) {
            let length = usize::from(u16::from_be_bytes(*prefix));
            if length < MIN_MESSAGE {
                return self.give_up(GaveUp::Framing);
            }
            if PREFIX + length > MAX_HELD {
                return self.give_up(GaveUp::Overflow);
            }
            let Some(message) = self.held.get(start + PREFIX..start + PREFIX + length) else { break };
            messages.push(message.to_vec());
            start += PREFIX + length;
        }
        self.held.drain(..start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    #[test]
    fn a_message_that_cannot_fit_ends_the_stream() {
        let mut stream = TcpStream::default();
        assert_eq!(stream.push(&[0xff, 0xff]), Vec::<Vec<u8>>::new());
        assert_eq!(stream.gave_up(), Some(GaveUp::Overflow));
        assert!(stream.push(&framed(&[0; 20])).is_empty());
    }

    #[test]
    fn lost_framing_ends_the_stream_but_keeps_what_came_before() {
        let mut stream = TcpStream::default();
        let bytes = [framed(&[1; 20]), vec![0, 3, 9, 9, 9]].concat();
        assert_eq!(stream.push(&bytes), vec![vec![1; 20]]);
        assert_eq!(stream.gave_up(), Some(GaveUp::Framing));
        assert_eq!(stream.held.capacity(), 0);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_messages(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 12..3000), 0..8),
            sizes in proptest::collection::vec(1usize..5000, 1..20),
        ) {
            let bytes: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let (mut stream, mut got, mut rest) = (TcpStream::default(), Vec::new(), &bytes[..]);
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at(rest.len().min(*size));
                got.extend(stream.push(piece));
                prop_assert!(stream.held.len() <= MAX_HELD);
                rest = after;
            }
            prop_assert_eq!(got, messages);
        }
    }
}
