//! The host that the first bytes of a plaintext flow ask for: HTTP/1 (RFC 9112, 3.2) and SOCKS (RFC 1928, SOCKS 4A).
//!
//! A total function: any bytes give an answer. A name counts only when its end was seen, since half a name is another.

use super::host::{self, Host};

/// Longest request method that is recognised, bytes; the longest registered one is `UPDATEREDIRECTREF`.
const MAX_METHOD: usize = 24;

/// Longest SOCKS request, bytes: a greeting with every method, and a name of 255 bytes.
const MAX_SOCKS: usize = 600;

/// Who a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Host,
    /// `None` where the request does not say and its scheme does not imply one.
    pub port: Option<u16>,
    /// The request is of a form that is meant for a proxy: CONNECT, an absolute URL, SOCKS.
    pub asks_a_proxy: bool,
}

/// Reads the request at the start of a flow. `bytes` may end anywhere.
#[must_use]
pub fn target(bytes: &[u8]) -> Option<Target> {
    match bytes.first()? {
        4 => socks_4(bytes),
        5 => socks_5(bytes),
        _ => http(bytes),
    }
}

/// Whether `bytes` begin a request that does not say yet who it is for: a header whose host has not come, a SOCKS greeting.
#[must_use]
pub fn is_unfinished(bytes: &[u8]) -> bool {
    if target(bytes).is_some() {
        return false;
    }
    match bytes.first() {
        None => false,
        Some(4) => !matches!(bytes, [4, command, ..] if *command != 1) && bytes.len() < MAX_SOCKS,
        Some(5) => bytes.len() < MAX_SOCKS,
        Some(_) => is_begun(bytes.trim_ascii_start()),
    }
}

/// Whether `bytes` are a request for a proxy that this module does not understand: a lenient proxy may.
#[must_use]
pub fn is_unreadable(bytes: &[u8]) -> bool {
    if target(bytes).is_some() {
        return false;
    }
    let bytes = bytes.trim_ascii_start();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let word = line.get(..7).unwrap_or_default();
    let is_connect = word.eq_ignore_ascii_case(b"CONNECT")
        && line.get(7).is_some_and(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_'));
    let mut parts = line.split(|byte| is_blank(*byte)).filter(|part| !part.is_empty());
    let is_url = parts.nth(1).is_some_and(|asked| scheme(asked).is_some());
    is_connect || (is_url && line.windows(5).any(|part| part == b"HTTP/"))
}

/// What lenient servers take for a blank in a request line (RFC 9112, 3).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

fn trim_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

fn is_begun(bytes: &[u8]) -> bool {
    let token = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    if token == 0 || token > MAX_METHOD {
        return false;
    }
    let Some(rest) = bytes.get(token..).filter(|rest| !rest.is_empty()) else { return true };
    if !rest.first().is_some_and(|byte| is_blank(*byte)) {
        return false;
    }
    let mut lines = Lines { rest: rest.trim_ascii_start() };
    let Some(line) = lines.next() else { return !rest.contains(&b'\n') };
    let is_http =
        line.rsplit(|byte| is_blank(*byte)).next().is_some_and(|version| version.starts_with(b"HTTP/"));
    is_http && lines.by_ref().all(|line| host_header(line).is_none()) && !has_ended(bytes)
}

/// The empty line after the header was seen.
fn has_ended(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|end| end == b"\n\r\n")
}

fn http(bytes: &[u8]) -> Option<Target> {
    // Servers skip empty lines before a request (RFC 9112, 2.2).
    let bytes = bytes.trim_ascii_start();
    let space = bytes.iter().take(MAX_METHOD + 1).position(|byte| is_blank(*byte))?;
    let (method, rest) = bytes.split_at_checked(space)?;
    if method.is_empty() || !method.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-') {
        return None;
    }
    let mut lines = Lines { rest: rest.trim_ascii_start() };
    let line = lines.next()?;
    let end = line.iter().rposition(|byte| is_blank(*byte))?;
    let (asked, version) = line.split_at_checked(end)?;
    if !trim_blanks(version).starts_with(b"HTTP/") {
        return None;
    }
    let asked = trim_blanks(asked);
    if method.eq_ignore_ascii_case(b"CONNECT") {
        return proxied(asked, None);
    }
    match scheme(asked) {
        Some((authority, port)) => proxied(authority, port),
        None => {
            let (host, port) = host::with_port(lines.find_map(host_header)?)?;
            Some(Target { host, port, asks_a_proxy: false })
        }
    }
}

fn proxied(authority: &[u8], default_port: Option<u16>) -> Option<Target> {
    let (host, port) = host::with_port(authority)?;
    Some(Target { host, port: port.or(default_port), asks_a_proxy: true })
}

/// Authority and default port of an absolute URL, without user and password.
fn scheme(url: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let colon = url.iter().position(|byte| *byte == b':')?;
    let (scheme, rest) = url.split_at_checked(colon)?;
    if !scheme.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    let host = authority.rsplit(|byte| *byte == b'@').next()?;
    let port = match scheme.to_ascii_lowercase().as_slice() {
        b"http" | b"ws" => Some(80),
        b"https" | b"wss" => Some(443),
        b"ftp" => Some(21),
        _ => None,
    };
    Some((host, port))
}

fn host_header(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    name.trim_ascii().eq_ignore_ascii_case(b"host").then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

/// Lines whose end was seen, up to the empty one that ends the header.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        (!line.is_empty()).then_some(line)
    }
}

fn socks_4(bytes: &[u8]) -> Option<Target> {
    let [4, 1, port @ ..] = bytes else { return None };
    let (port, rest) = port.split_first_chunk::<2>()?;
    let (address, rest) = rest.split_first_chunk::<4>()?;
    let host = match address {
        [0, 0, 0, 1..=255] => {
            let mut fields = rest.split(|byte| *byte == 0);
            let (_user, domain) = (fields.next()?, fields.next()?);
            fields.next()?; // the domain's own end
            host::parse(domain)?
        }
        _ => Host::Address((*address).into()),
    };
    Some(Target { host, port: Some(u16::from_be_bytes(*port)), asks_a_proxy: true })
}

/// A SOCKS 5 request, by itself or right after the greeting of a client that does not wait for the answer.
fn socks_5(bytes: &[u8]) -> Option<Target> {
    socks_5_request(bytes).or_else(|| {
        let methods = usize::from(*bytes.get(1)?);
        socks_5_request(bytes.get(2 + methods..)?)
    })
}

fn socks_5_request(bytes: &[u8]) -> Option<Target> {
    let [5, 1, 0, kind, rest @ ..] = bytes else { return None };
    let (host, rest) = match kind {
        1 => rest.split_first_chunk::<4>().map(|(ip, rest)| (Host::Address((*ip).into()), rest))?,
        4 => rest.split_first_chunk::<16>().map(|(ip, rest)| (Host::Address((*ip).into()), rest))?,
        3 => {
            let (length, rest) = rest.split_first()?;
            let (domain, rest) = rest.split_at_checked(usize::from(*length))?;
            (host::parse(domain)?, rest)
        }
        _ => return None,
    };
    let (port, _) = rest.split_first_chunk::<2>()?;
    Some(Target { host, port: Some(u16::from_be_bytes(*port)), asks_a_proxy: true })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(host: &str, port: Option<u16>, asks_a_proxy: bool) -> Option<Target> {
        Some(Target { host: Host::Name(host.to_owned()), port, asks_a_proxy })
    }

    #[test]
    fn a_request_is_unfinished_until_its_host_or_its_end_has_come() {
        let request = b"GET /x HTTP/1.1\r\nAccept: */*\r\nHost: api.example\r\n\r\n";
        let host_ends = request.len() - 2;
        for cut in 1..=request.len() {
            assert_eq!(is_unfinished(&request[..cut]), cut < host_ends, "{cut}");
        }
        for whole in
            [&b"GET / HTTP/1.0\r\n\r\n"[..], b"GET / HTTP/1.1\nA: b\n\n", b"CONNECT a.example:1 HTTP/1.1\r\n"]
        {
            assert!(!is_unfinished(whole), "{whole:?}");
        }
        assert!(is_unfinished(&[5, 1, 0]) && is_unfinished(&[4, 1, 0, 80, 0, 0, 0, 1, 0, b'a']));
    }

    #[test]
    fn what_lenient_proxies_understand_is_understood_or_known_not_to_be() {
        for blank in ["\t", " \t ", "\x0b", "\x0c", "\r", "  "] {
            let request = format!("CONNECT{blank}x.org:443{blank}HTTP/1.1\r\n\r\n");
            assert_eq!(target(request.as_bytes()), name("x.org", Some(443), true), "{blank:?}");
        }
        let spelled = target(b"CONNECT 0xcb.0.0x71.0xa:443 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(spelled.host, Host::Address("203.0.113.10".parse().unwrap()));
        for request in [
            &b"CONNECT a^b:443 HTTP/1.1\r\n\r\n"[..],
            b"CONNECT\0x.org:443 HTTP/1.1\n\n",
            b"GET http://1.2.3.4.5/ HTTP/1.1\r\n\r\n",
        ] {
            assert!(is_unreadable(request), "{}", request.escape_ascii());
        }
        for request in [
            &b"CONNECTED\r\n"[..],
            b"GET /?u=http://x.org/ HTTP/1.0\r\n\r\n",
            b"CONNECT x.org:1 HTTP/1.1\r\n\r\n",
            b"",
            b"\x16\x03\x01",
        ] {
            assert!(!is_unreadable(request), "{}", request.escape_ascii());
        }
    }

    #[test]
    fn other_protocols_are_not_unfinished_requests() {
        let others: [&[u8]; 9] = [
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"NICK joe\r\nUSER joe\r\n",
            b"EHLO host\r\n",
            b"AMQP\0\0\x09\x01",
            b"*1\r\n$4\r\nPING\r\n",
            b"\x16\x03\x01",
            b"QUIT\r\n",
            b"thisisalongtokenwithoutanyspaceinit",
        ];
        for other in others {
            assert!(!is_unfinished(other), "{other:?}");
        }
    }

    #[test]
    fn a_request_to_a_server_is_named_by_its_host_header() {
        let request =
            b"GET /x?u=http://other.example/ HTTP/1.1\r\nAccept: */*\r\nHOST:  API.Example.com:8080 \r\n\r\n";
        assert_eq!(target(request), name("api.example.com", Some(8080), false));
        let options = b"\r\nOPTIONS * HTTP/1.1\nHost: x.org\n\n";
        assert_eq!(target(options), name("x.org", None, false));
    }

    #[test]
    fn a_host_after_the_header_or_without_its_end_does_not_count() {
        assert_eq!(target(b"POST / HTTP/1.1\r\n\r\nHost: x.org\r\n"), None);
        assert_eq!(target(b"POST / HTTP/1.1\r\nHost: api.git"), None);
        assert_eq!(target(b"CONNECT api.git"), None);
        assert_eq!(target(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n").map(|t| t.host), host::parse(b"10.0.0.1"));
    }

    #[test]
    fn proxies_are_told_where_to_go() {
        let connect = b"CONNECT backboard.railway.app:443 HTTP/1.1\r\nHost: other.example\r\n\r\n";
        assert_eq!(target(connect), name("backboard.railway.app", Some(443), true));
        let absolute = b"GET http://me:pw@X.org/a@b HTTP/1.1\r\nHost: other.example\r\n\r\n";
        assert_eq!(target(absolute), name("x.org", Some(80), true));
        let v6 = b"CONNECT [2001:db8::1]:22 HTTP/1.1\r\n";
        let address = Host::Address("2001:db8::1".parse().unwrap());
        assert_eq!(target(v6), Some(Target { host: address, port: Some(22), asks_a_proxy: true }));
    }

    #[test]
    fn socks_shows_the_domain() {
        let socks_4a = b"\x04\x01\x01\xbb\0\0\0\x01me\0api.x.org\0";
        assert_eq!(target(socks_4a), name("api.x.org", Some(443), true));
        assert_eq!(target(&socks_4a[..socks_4a.len() - 1]), None, "the name's end is missing");
        let request = b"\x05\x01\0\x03\x05x.org\x01\xbb";
        assert_eq!(target(request), name("x.org", Some(443), true));
        let with_greeting = [&b"\x05\x02\0\x02"[..], request].concat();
        assert_eq!(target(&with_greeting), name("x.org", Some(443), true));
        assert_eq!(target(b"\x05\x01\0"), None);
    }

    #[test]
    fn other_protocols_are_not_requests() {
        for other in [
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            b"",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\r\nHost: x\r\n",
        ] {
            assert_eq!(target(other), None, "{}", other.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = target(&bytes);
        }

        #[test]
        fn a_cut_request_gives_the_whole_name_or_none(
            start in "(GET /|CONNECT |GET http://|\x05\x01\0\x03|\x04\x01\0\x50\0\0\0\x01u\0)",
            cut in 0usize..80,
        ) {
            let whole = match start.as_bytes().first() {
                Some(5) => format!("{start}\x07abc.org\0\x50"),
                Some(4) => format!("{start}abc.org\0"),
                _ if start == "GET /" => format!("{start} HTTP/1.1\r\nHost: abc.org:80\r\n\r\n"),
                _ => format!("{start}abc.org:80 HTTP/1.1\r\n\r\n"),
            };
            prop_assert!(target(whole.as_bytes()).is_some());
            let cut = &whole.as_bytes()[..cut.min(whole.len())];
            if let Some(found) = target(cut) {
                prop_assert_eq!(found.host, Host::Name("abc.org".to_owned()));
            }
        }
    }
}
