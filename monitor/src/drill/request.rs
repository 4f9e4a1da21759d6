//! One HTTP/1.1 request, as far as the drill's server needs to read it.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// Bytes of head and body together.
const LIMIT: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: String,
}

/// Reads a request; its bearer token comes beside it, so that it is not written down with it.
///
/// # Errors
/// The stream failed or ended early, or the request is malformed or above 64 KiB.
pub fn read(stream: &mut impl Read) -> io::Result<(Request, Option<String>)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(bytes.get(..head_end).unwrap_or_default()).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some(_)) = (first.next(), first.next(), first.next()) else {
        return Err(malformed("the first line is not `METHOD path HTTP/1.1`"));
    };

    let (mut length, mut bearer) = (0, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| malformed("content-length is no number"))?;
        } else if name.eq_ignore_ascii_case("authorization") {
            bearer = value.trim().strip_prefix("Bearer ").map(str::to_owned);
        }
    }
    let start = head_end + 4;
    while bytes.len().saturating_sub(start) < length {
        more(stream, &mut bytes)?;
    }
    let body = String::from_utf8_lossy(bytes.get(start..start + length).unwrap_or_default()).into_owned();
    Ok((Request { method: method.to_owned(), path: path.to_owned(), body }, bearer))
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut part = [0; 4096];
    let length = stream.read(&mut part)?;
    if length == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the client closed it before a whole request",
        ));
    }
    bytes.extend_from_slice(part.get(..length).unwrap_or_default());
    if bytes.len() > LIMIT { Err(malformed("the request is above 64 KiB")) } else { Ok(()) }
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_path_body_and_token() {
        let mut text =
            &b"POST /g HTTP/1.1\r\nauthorization: Bearer t\r\nCONTENT-LENGTH: 2\r\n\r\nhi, rest"[..];
        let (request, bearer) = read(&mut text).unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str(), request.body.as_str()),
            ("POST", "/g", "hi")
        );
        assert_eq!(bearer.as_deref(), Some("t"));
    }

    #[test]
    fn early_end_nonsense_and_floods_are_errors() {
        let kind = |mut text: &[u8]| read(&mut text).unwrap_err().kind();
        assert_eq!(kind(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhi"), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(b"nonsense\r\n\r\n"), io::ErrorKind::InvalidData);
        assert_eq!(
            kind(b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            io::ErrorKind::InvalidData
        );
        assert_eq!(kind(&vec![b'x'; LIMIT + 4096]), io::ErrorKind::InvalidData);
    }
}
