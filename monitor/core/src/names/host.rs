//! Host names and addresses as they appear in requests.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Longest host name in text form, bytes (RFC 1035, 2.3.4, without the root's dot).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Who a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Lower case, without the trailing dot.
    Name(String),
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A host name in lower case and without its trailing dot; `None` where `bytes` are something else, an IPv4 address
/// included. Underscores are let through, because resolvers do so too.
#[must_use]
pub fn name(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let label_fits = |label: &[u8]| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if bytes.len() > MAX_NAME || !bytes.split(|byte| *byte == b'.').all(label_fits) {
        return None;
    }
    let name = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    name.parse::<Ipv4Addr>().is_err().then_some(name)
}

/// An IPv4 address in the spellings that inet_aton(3) takes, and with it most clients and proxies: one to four numbers, decimal,
/// octal (`0177`) or hexadecimal (`0x7f`), the last of which fills the rest.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 {
        return None;
    }
    let mut address: u32 = 0;
    for part in leading {
        address = address << 8 | u32::from(u8::try_from(number(part)?).ok()?);
    }
    let bits = 32 - 8 * leading.len() as u32;
    let rest = number(last)?;
    let fits = bits == 32 || rest < 1 << bits;
    fits.then(|| Ipv4Addr::from(address.checked_shl(bits).unwrap_or(0) | rest))
}

fn number(text: &str) -> Option<u32> {
    let digits = |text: &str, radix| {
        (!text.starts_with(['+', '-'])).then(|| u32::from_str_radix(text, radix).ok()).flatten()
    };
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some("") => Some(0),
        Some(hexadecimal) => digits(hexadecimal, 16),
        None if text.len() > 1 && text.starts_with('0') => digits(text, 8),
        None => digits(text, 10),
    }
}

/// Whether the last label is a number: then it is an address, or nothing (URL Standard, ends-in-a-number checker).
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.bytes().all(|byte| byte.is_ascii_digit()) || number(last).is_some_and(|_| last.starts_with(['0']))
}

/// A host name, an IPv4 address in any spelling or an IPv6 address, the latter bare or in brackets.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Host> {
    let bare = bytes.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let text = std::str::from_utf8(bare.unwrap_or(bytes)).ok()?;
    // A zone (`fe80::1%eth0`) says which interface, not which host.
    let without_zone = text.split('%').next().unwrap_or(text);
    if let Ok(address) = without_zone.parse::<Ipv6Addr>() {
        return Some(Host::Address(IpAddr::V6(address)));
    }
    if bare.is_some() {
        return None;
    }
    let bare = text.strip_suffix('.').unwrap_or(text);
    match ipv4(bare) {
        Some(address) => Some(Host::Address(IpAddr::V4(address))),
        None if ends_in_a_number(bare) => None,
        None => name(bytes).map(Host::Name),
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`; an empty port counts as none (RFC 3986, 3.2.3).
#[must_use]
pub fn with_port(authority: &[u8]) -> Option<(Host, Option<u16>)> {
    let after_bracket = authority.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = authority.iter().skip(after_bracket).position(|byte| *byte == b':');
    let (host, port) = match colon.and_then(|at| authority.split_at_checked(after_bracket + at)) {
        Some((host, port)) => (host, port.get(1..).unwrap_or_default()),
        None => (authority, &[][..]),
    };
    let port = match port {
        [] => None,
        digits if digits.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    Some((parse(host)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lowercased_and_checked() {
        assert_eq!(name(b"API.GitHub.com.").as_deref(), Some("api.github.com"));
        assert_eq!(name(b"my_host").as_deref(), Some("my_host"));
        for wrong in
            [&b""[..], b".", b"a..b", b"a b", b"a\0b", b"10.0.0.1", b"*.x.org", &[b'a'; 64], b"\xc3\xa4.de"]
        {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
        let long = [b"a.".repeat(126), b"bc".to_vec()].concat();
        assert_eq!(long.len(), 254);
        assert_eq!(name(&long), None);
        assert!(name(&long[1..]).is_none(), "starts with an empty label");
        assert!(name(&long[2..]).is_some());
    }

    #[test]
    fn an_address_is_read_in_every_spelling() {
        let expected = Host::Address("203.0.113.10".parse().unwrap());
        for spelling in [
            "203.0.113.10",
            "3405803786",
            "0xcb00710a",
            "0xcb.0.0x71.0xa",
            "0313.0.0161.012",
            "203.28938",
            "203.0.28938",
            "203.0.113.10.",
        ] {
            assert_eq!(parse(spelling.as_bytes()), Some(expected.clone()), "{spelling}");
        }
        for neither in ["203.0.113.256", "1.2.3.4.5", "4294967296", "x.0x1g.7", "09", "1.2.+3.4"] {
            assert_eq!(parse(neither.as_bytes()), None, "{neither}");
        }
        for name in ["0xcafe.org", "1.example", "x1", "0xz"] {
            assert_eq!(parse(name.as_bytes()), Some(Host::Name(name.to_owned())), "{name}");
        }
    }

    #[test]
    fn a_port_is_split_off() {
        let name = |text: &str| Host::Name(text.to_owned());
        let v6 = Host::Address("::1".parse().unwrap());
        assert_eq!(with_port(b"x.org:8443"), Some((name("x.org"), Some(8443))));
        assert_eq!(with_port(b"x.org:"), Some((name("x.org"), None)));
        assert_eq!(with_port(b"x.org"), Some((name("x.org"), None)));
        assert_eq!(with_port(b"[::1]:80"), Some((v6.clone(), Some(80))));
        assert_eq!(with_port(b"[::1]"), Some((v6, None)));
        assert_eq!(with_port(b"10.0.0.1:80"), Some((Host::Address("10.0.0.1".parse().unwrap()), Some(80))));
        assert_eq!(with_port(b"[fe80::1%eth0]"), Some((Host::Address("fe80::1".parse().unwrap()), None)));
        for wrong in [&b"x.org:70000"[..], b"x.org:+80", b"x.org:8a", b"[::1", b"[x.org]", b":80", b""] {
            assert_eq!(with_port(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
