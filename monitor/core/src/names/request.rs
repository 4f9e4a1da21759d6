//! Whether a plaintext flow is a request that every server reads in the same way.
//!
//! Servers differ in what they forgive: blank lines and NULs in front, two hosts, folded or empty values, bare carriage returns,
//! versions in other letters. Of a request that is not exactly as RFC 9112 wants it nobody can tell who it is for, so
//! what DNS said of the address does not count either. The strict reading is httparse's.

use std::collections::BTreeSet;

use super::host::{self, Host};

/// Headers of one request, at most; one with more is read in its own way by somebody.
const HEADERS: usize = 128;
/// Further hosts that are kept of one flow's data.
const FURTHER: usize = 8;

/// Whether the data looks like HTTP, or begins as it does, and is not a request as the standard has them.
#[must_use]
pub fn is_doubtful(bytes: &[u8]) -> bool {
    looks_like_http(bytes) && !is_exact(bytes)
}

/// Hosts that are named anywhere in what looks like a header, also behind the request: a second `Host`, a second request.
#[must_use]
pub fn hosts(bytes: &[u8]) -> Vec<String> {
    // Of a line that has not ended the rest may be another name.
    let ended = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r' | 0)).unwrap_or_default();
    let whole = bytes.get(..ended).unwrap_or_default();
    let named = whole.split(|byte| matches!(byte, b'\n' | b'\r' | 0)).filter_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
        name.trim_ascii().eq_ignore_ascii_case(b"host").then(|| value.get(1..))?
    });
    let values = named.flat_map(|value| value.split(|byte| *byte == b',' || byte.is_ascii_whitespace()));
    let names = values.filter_map(|value| match host::with_port(value.trim_ascii())? {
        (Host::Name(name), _) => Some(name),
        (Host::Address(_), _) => None,
    });
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).take(FURTHER).collect()
}

fn looks_like_http(bytes: &[u8]) -> bool {
    let is_filler = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let Some(begin) = bytes.iter().position(|byte| !is_filler(byte)) else {
        return !bytes.is_empty(); // servers skip blank lines for as long as they come
    };
    let version = bytes.windows(5).any(|part| part.eq_ignore_ascii_case(b"http/"));
    let text = bytes.get(begin..).unwrap_or_default();
    let method = text.iter().take_while(|byte| byte.is_ascii_graphic()).count();
    let asked = text.get(method..).unwrap_or_default().trim_ascii_start();
    let is_simple =
        method > 0 && text.get(method).is_some_and(u8::is_ascii_whitespace) && asked.starts_with(b"/");
    version || is_simple || (bytes.len() > begin && !hosts(bytes).is_empty())
}

/// A head with one host that a name or an address is, and of a form that is for a server or a proxy. Where it goes on behind what
/// is shown, as far as its lines are whole.
fn is_exact(bytes: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let is_cut = httparse::Request::new(&mut headers).parse(bytes).is_ok_and(|status| status.is_partial());
    let lines = bytes.iter().rposition(|byte| *byte == b'\n').and_then(|end| bytes.get(..=end));
    let shown = if is_cut { [lines.unwrap_or_default(), b"\r\n"].concat() } else { bytes.to_vec() };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(_)) = request.parse(&shown) else { return false };
    let (Some(method), Some(path)) = (request.method, request.path) else { return false };
    // An empty line in front is no part of a request, although httparse lets it pass.
    if !bytes.starts_with(method.as_bytes())
        || !method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    {
        return false;
    }
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    match (hosts.next(), hosts.next()) {
        (Some(header), None) => host::with_port(header.value).is_some(),
        (None, None) => method == "CONNECT" || path.contains("://"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_as_the_standard_has_them_are_exact() {
        for request in [
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "POST /v1/x?y=z HTTP/1.1\r\nhost: a.example:8080\r\nContent-Length: 2\r\n\r\nok",
            "OPTIONS * HTTP/1.1\r\nHost: 203.0.113.9\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\n\r\n",
            "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: goes-on-behind-what-is-sho",
        ] {
            assert!(!is_doubtful(request.as_bytes()), "{request:?}");
        }
    }

    #[test]
    fn what_servers_read_in_different_ways_is_doubtful() {
        let long = "\r\n".repeat(2048);
        let behind_blanks = format!("{long}GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        for request in [
            long.as_str(),
            &behind_blanks,
            "\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "\0GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example:x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a..example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: \r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / http/1.1\r\nHost: a.example\r\n\r\n",
            "GET /\r\n",
            "GET / HTTP/1.1\rHost: a.example\r\r",
            "G3T / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            assert!(is_doubtful(request.as_bytes()), "{request:?}");
        }
    }

    #[test]
    fn other_protocols_are_not_doubtful_requests() {
        for other in [
            &b"\x00\x00\x00\x08\x04\xd2\x16\x2f"[..], // PostgreSQL asks for TLS
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO x\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"",
        ] {
            assert!(!is_doubtful(other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn every_host_is_found_wherever_it_stands() {
        let request = b"GET / HTTP/1.1\r\nHost: a.example\r\nhost : b.example:80\r\n\r\nbody\r\nGET / HTTP/1.1\r\nHost: c.example, a.example\r\n\r\n";
        assert_eq!(hosts(request), ["a.example", "b.example", "c.example"]);
        assert!(hosts(b"ghost: a.example\r\nHost: 203.0.113.9\r\n").is_empty());
    }
}
