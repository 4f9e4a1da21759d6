//! What a connection said of itself when it began, kept with it for as long as it lives.
//!
//! The first word counts: what comes later on the same connection may be anything that its program writes, so it can add a
//! name that is possible too, and never takes one away.

use std::net::IpAddr;

use monitor_common::policy::{FLOW_NAME_MAX, FlowName, NAMED_BY_HTTP, NAMED_BY_SERVER_NAME};

use super::identified::Identified;
use crate::facts::NameSource;

/// What of `said` can be kept with a connection to `address` and `port`: one name, one target that a proxy is asked for, or
/// that a TLS connection began without a name (an empty one). `None` where it says nothing, is not done yet, or says several things at once: such a connection has no name.
#[must_use]
pub fn keep(said: &Identified, address: [u8; 16], port: u16) -> Option<FlowName> {
    if said.unfinished {
        return None;
    }
    let nobody = String::new();
    let (host, source, target_port) = match (&said.proxy_target, said.names.as_slice()) {
        (None, []) if said.nameless => (&nobody, NAMED_BY_SERVER_NAME, 0),
        (Some((host, port)), _) => (host, NAMED_BY_HTTP, *port),
        (None, [(name, NameSource::ServerName)]) => (name, NAMED_BY_SERVER_NAME, 0),
        (None, [(name, NameSource::Http)]) => (name, NAMED_BY_HTTP, 0),
        (None, _) => return None,
    };
    let length = u16::try_from(host.len()).ok()?;
    let mut name = [0; FLOW_NAME_MAX];
    name.get_mut(..host.len())?.copy_from_slice(host.as_bytes());
    Some(FlowName { address, port, target_port, source, length, name })
}

/// Adds what was kept to what the connection says now.
pub(super) fn recall(now: &mut Identified, kept: &FlowName) {
    let text = kept.name.get(..usize::from(kept.length)).and_then(|name| std::str::from_utf8(name).ok());
    let Some(name) = text.map(str::to_owned) else { return };
    if name.is_empty() {
        now.nameless = true;
        return;
    }
    let source = if kept.source == NAMED_BY_SERVER_NAME { NameSource::ServerName } else { NameSource::Http };
    let differs = now.names.iter().any(|(other, _)| *other != name)
        || now.proxy_target.as_ref().is_some_and(|(host, _)| *host != name);
    if kept.target_port != 0 {
        now.proxy_target = Some((name.clone(), kept.target_port));
    }
    // A proxy that is asked for an address names nothing.
    if name.parse::<IpAddr>().is_err() {
        now.names.retain(|(other, _)| *other != name);
        now.names.insert(0, (name, source));
    }
    now.mismatch |= differs;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: ([u8; 16], u16) = ([7; 16], 443);

    fn said(names: &[(&str, NameSource)], target: Option<(&str, u16)>) -> Identified {
        let names = names.iter().map(|(name, source)| ((*name).to_owned(), *source)).collect();
        let proxy_target = target.map(|(host, port)| (host.to_owned(), port));
        Identified { names, proxy_target, ..Identified::default() }
    }

    fn recalled(kept: &Identified, now: Identified) -> Identified {
        let (mut now, kept) = (now, keep(kept, TO.0, TO.1).unwrap());
        recall(&mut now, &kept);
        now
    }

    #[test]
    fn a_name_comes_back_where_nothing_else_is_said() {
        let hello = said(&[("api.example", NameSource::ServerName)], None);
        assert_eq!(recalled(&hello, said(&[], None)), hello);
        assert_eq!(recalled(&hello, hello.clone()), hello);
        let host = said(&[("api.example", NameSource::Http)], None);
        assert_eq!(recalled(&host, said(&[], None)), host);
    }

    #[test]
    fn a_tunnel_keeps_its_target_and_what_is_said_inside_is_possible_too() {
        let tunnel = said(&[("api.example", NameSource::Http)], Some(("api.example", 443)));
        assert_eq!(recalled(&tunnel, said(&[], None)), tunnel);
        let inside = recalled(&tunnel, said(&[("other.example", NameSource::ServerName)], None));
        assert_eq!(inside.proxy_target, tunnel.proxy_target);
        assert_eq!(
            inside.names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["api.example", "other.example"]
        );
        assert!(inside.mismatch);
        let address = said(&[], Some(("203.0.113.9", 443)));
        assert_eq!(recalled(&address, said(&[], None)), address);
    }

    #[test]
    fn a_later_word_takes_no_name_away() {
        let hello = said(&[("control.example", NameSource::ServerName)], None);
        let later = recalled(&hello, said(&[("model.example", NameSource::Http)], None));
        assert_eq!(later.names[0].0, "control.example");
        assert!(later.mismatch, "both could be true");
        let asked = recalled(&hello, said(&[], Some(("203.0.113.9", 80))));
        assert!(asked.mismatch);
    }

    #[test]
    fn a_greeting_without_a_name_is_kept_as_such() {
        let nameless = Identified { nameless: true, ..Identified::default() };
        assert_eq!(recalled(&nameless, said(&[], None)), nameless);
        assert_eq!(keep(&said(&[], None), TO.0, TO.1), None, "no greeting at all is not one without a name");
    }

    #[test]
    fn what_is_several_things_or_not_done_is_not_kept() {
        let two = said(&[("a.example", NameSource::ServerName), ("b.example", NameSource::ServerName)], None);
        assert_eq!(keep(&two, TO.0, TO.1), None);
        assert_eq!(keep(&said(&[("a.example", NameSource::Dns)], None), TO.0, TO.1), None);
        let begun = Identified { unfinished: true, ..said(&[("a.example", NameSource::ServerName)], None) };
        assert_eq!(keep(&begun, TO.0, TO.1), None);
        let long = "a".repeat(FLOW_NAME_MAX + 1);
        assert_eq!(keep(&said(&[(&long, NameSource::ServerName)], None), TO.0, TO.1), None);
    }
}
