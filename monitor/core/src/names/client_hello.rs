//! The server's name in the first bytes of a TLS connection (RFC 8446, 4.1.2; RFC 6066, 3).
//!
//! A total function: any bytes give an answer. It is as lenient as servers are known to be, since a hello that a server
//! reads and this module does not would be a way around the name.

use super::host;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;
/// Largest ciphertext record that any version allows, bytes (2^14 + 2048, RFC 5246, 6.2.3).
const MAX_RECORD: usize = 16_384 + 2048;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// Names and protocols that are kept of one hello.
const KEPT: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerName {
    /// A valid host name in lower case.
    Found(String),
    /// The hello is complete and names no host.
    None,
    /// The bytes end before the name, or before the end of a hello without one.
    #[default]
    Incomplete,
    /// Not TLS, or not a well-formed ClientHello.
    NotTls,
}

/// What a ClientHello says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub server_name: ServerName,
    /// Names after the first. The standard forbids them, and servers differ in which one they take; at most 7.
    pub further: Vec<String>,
    /// Extension `encrypted_client_hello` seen. Browsers send a meaningless one too (GREASE), so it proves nothing.
    pub encrypted: bool,
    /// Application protocols, as offered: `h2`, `http/1.1`; printable ones, at most 8.
    pub alpn: Vec<String>,
}

/// Reads the ClientHello at the start of a flow. `bytes` may end anywhere.
#[must_use]
pub fn server_name(bytes: &[u8]) -> Hello {
    if is_version_2(bytes) {
        return Hello { server_name: ServerName::None, ..Hello::default() };
    }
    let mut hello = Hello::default();
    let end = match handshake(bytes) {
        Ok(message) => read_hello(&message, &mut hello),
        Err(end) => Err(end),
    };
    if let ServerName::Found(_) = hello.server_name {
        return hello;
    }
    hello.server_name = match end {
        Ok(()) => ServerName::None,
        Err(End::CutShort) => ServerName::Incomplete,
        Err(End::Malformed) => ServerName::NotTls,
    };
    hello
}

/// Why reading ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    CutShort,
    Malformed,
}

/// SSL 2's framing around a hello of SSL 3 or TLS 1 (RFC 5246, E.2): it has no extensions, hence no name.
fn is_version_2(bytes: &[u8]) -> bool {
    matches!(bytes, [length, _, CLIENT_HELLO, 3, 0..=3, ..] if length & 0x80 != 0)
}

/// The handshake bytes of the records at the start of `bytes`, as far as they go.
fn handshake(bytes: &[u8]) -> Result<Vec<u8>, End> {
    let mut message = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() && !is_whole(&message) {
        // The record's version is ignored, as RFC 8446, 5.1 demands: Go's servers take 15.9 as well.
        let kind = rest.first().copied().unwrap_or_default();
        if !matches!(kind, HANDSHAKE | ALERT) {
            return Err(End::Malformed);
        }
        let Some((header, after)) = rest.split_at_checked(RECORD_HEADER) else { break };
        let length = header.get(3..).map_or(0, number);
        if length > MAX_RECORD {
            return Err(End::Malformed);
        }
        let fragment = after.get(..length).unwrap_or(after);
        // OpenSSL ignores warnings that come before the hello.
        if kind == HANDSHAKE {
            message.extend_from_slice(fragment);
        }
        rest = after.get(length..).unwrap_or_default();
    }
    Ok(message)
}

fn is_whole(message: &[u8]) -> bool {
    message.get(1..4).is_some_and(|length| message.len() - 4 >= number(length))
}

fn read_hello(message: &[u8], hello: &mut Hello) -> Result<(), End> {
    let mut header = Reader { rest: message, short: End::CutShort };
    if header.take(1)? != [CLIENT_HELLO] {
        return Err(End::Malformed);
    }
    let length = header.number(3)?;
    let short = if header.rest.len() < length { End::CutShort } else { End::Malformed };
    let mut body = Reader { rest: header.rest.get(..length).unwrap_or(header.rest), short };

    let version_and_random = 2 + 32;
    body.take(version_and_random)?;
    body.list(1)?; // session id
    body.list(2)?; // cipher suites
    body.list(1)?; // compression methods
    if body.rest.is_empty() && short == End::Malformed {
        return Ok(()); // before TLS 1.2, the hello could end here
    }
    let mut extensions = body.list_as_far_as_it_goes(2)?;
    let mut end = Ok(());
    while !extensions.rest.is_empty() {
        let kind = extensions.number(2)?;
        // One malformed extension does not hide the next: some server may skip it too.
        end = end.and(read_extension(kind as u16, extensions.list_as_far_as_it_goes(2)?, hello));
    }
    if short == End::CutShort { Err(End::CutShort) } else { end }
}

fn read_extension(kind: u16, mut extension: Reader<'_>, hello: &mut Hello) -> Result<(), End> {
    match kind {
        ENCRYPTED_CLIENT_HELLO => hello.encrypted = true,
        SERVER_NAME => {
            let mut entries = extension.list_as_far_as_it_goes(2)?;
            while !entries.rest.is_empty() {
                let is_host_name = entries.take(1)? == [0];
                let entry = entries.list(2)?;
                if is_host_name && let Some(name) = host::name(entry) {
                    hello.add(name);
                }
            }
        }
        ALPN => {
            let mut protocols = extension.list_as_far_as_it_goes(2)?;
            while !protocols.rest.is_empty() {
                let protocol = protocols.list(1)?;
                if hello.alpn.len() < KEPT && protocol.iter().all(u8::is_ascii_graphic) {
                    hello.alpn.push(String::from_utf8_lossy(protocol).into_owned());
                }
            }
        }
        _ => {}
    }
    Ok(())
}

impl Hello {
    fn add(&mut self, name: String) {
        match &self.server_name {
            ServerName::Found(first) if *first == name => {}
            ServerName::Found(_) if self.further.len() + 1 < KEPT => self.further.push(name),
            ServerName::Found(_) => {}
            _ => self.server_name = ServerName::Found(name),
        }
    }
}

/// Takes bytes from the front; `short` is what it means when there are too few.
#[derive(Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
    short: End,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], End> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Big-endian, of `width` bytes (at most 3).
    fn number(&mut self, width: usize) -> Result<usize, End> {
        self.take(width).map(number)
    }

    /// What a length of `width` bytes announces; all of it.
    fn list(&mut self, width: usize) -> Result<&'a [u8], End> {
        let length = self.number(width)?;
        self.take(length)
    }

    /// The same, or less where the bytes are cut short: what is there is still worth reading.
    fn list_as_far_as_it_goes(&mut self, width: usize) -> Result<Self, End> {
        let length = self.number(width)?;
        if self.rest.len() < length && self.short == End::CutShort {
            let all = std::mem::take(&mut self.rest);
            return Ok(Self { rest: all, short: End::CutShort });
        }
        Ok(Self { rest: self.take(length)?, short: End::Malformed })
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests;
