//! What an event does.

use std::net::{IpAddr, Ipv4Addr};

use super::values::{host_and_port, program, rule};
use crate::{
    facts::{EnvironHow, InspectHow, LinkHow, NameSource, Transport},
    rule_test::{
        case::{Act, Endpoint, Reply},
        grammar,
    },
    words::Word as _,
    yaml::{Node, Report, Section, Value, flag, number, text, word},
};

/// Of a block that is kept for documentation (RFC 5737): no catalogue lists it.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const HTTPS: u16 = 443;

/// The one thing that an event says.
pub fn act(event: &Section<'_>, report: &mut Report<'_>) -> Option<Act> {
    let kinds: Vec<&str> = grammar::KINDS.into_iter().filter(|kind| event.has(kind)).collect();
    let [kind] = kinds.as_slice() else {
        let found = match kinds.as_slice() {
            [] => "nothing happens".to_owned(),
            kinds => format!("found {}", kinds.join(" and ")),
        };
        let problem = report.add(event.at(), event.path(), found);
        problem.expected(format!("exactly one of {}", grammar::KINDS.join(", ")));
        return None;
    };
    match *kind {
        "open" => event.read(kind, report, text).map(Act::Open),
        "probe" => event.read(kind, report, text).map(Act::Probe),
        "connect" => event.read(kind, report, endpoint).map(Act::Connect),
        "exec" => event.read(kind, report, program).map(Act::Exec),
        "environ" => event.read(kind, report, environ),
        "inspect" => event.read(kind, report, inspect),
        "delegate" => event.read(kind, report, text).map(Act::Delegate),
        "link" => event.read(kind, report, link),
        "lifecycle" => event.read(kind, report, word).map(Act::Lifecycle),
        _ => {
            let (_, how) = Reply::WORDS.iter().find(|(word, _)| word == kind)?;
            event.read(kind, report, rule).map(|rule| Act::Answer { how: *how, rule })
        }
    }
}

fn endpoint(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Endpoint> {
    let mut endpoint = Endpoint {
        host: None,
        named_by: NameSource::ServerName,
        resolved: Vec::new(),
        address: SOMEWHERE,
        port: HTTPS,
        transport: Transport::Tcp,
        through_proxy: false,
    };
    if let Value::Text(written) = &node.value {
        let Some((host, port)) = host_and_port(written).filter(|(host, _)| !host.is_empty()) else {
            let problem = report.add(node.referenced, path, format!("found {written:?}"));
            problem.expected("HOST, HOST:PORT, ADDRESS:PORT or [ADDRESS]:PORT");
            return None;
        };
        endpoint.port = port.unwrap_or(HTTPS);
        match host.parse() {
            Ok(address) => endpoint.address = address,
            Err(_) => endpoint.host = Some(host.to_owned()),
        }
        return Some(endpoint);
    }
    let section = Section::open(node, path, grammar::CONNECT, report)?;
    if !["host", "resolved", "address"].into_iter().any(|field| section.has(field)) {
        report.add(section.at(), path, "the connection goes nowhere").expected("host, resolved or address");
    }
    endpoint.host = section.read("host", report, text);
    endpoint.named_by = section.read("named_by", report, source).unwrap_or(endpoint.named_by);
    endpoint.resolved = section.list("resolved", report, text);
    endpoint.address = section.read("address", report, address).unwrap_or(endpoint.address);
    let port = section.read("port", report, number::<1, 65535>).and_then(|port| u16::try_from(port).ok());
    endpoint.port = port.unwrap_or(endpoint.port);
    endpoint.transport = section.read("transport", report, word).unwrap_or(endpoint.transport);
    endpoint.through_proxy = section.read("proxy", report, flag).unwrap_or_default();
    Some(endpoint)
}

fn source(node: &Node, path: &str, report: &mut Report<'_>) -> Option<NameSource> {
    let found = text(node, path, report)?;
    let source = grammar::SOURCES.iter().find(|(word, _)| *word == found).map(|(_, source)| *source);
    if source.is_none() {
        let words = || grammar::SOURCES.iter().map(|(word, _)| *word);
        let problem = report.add(node.referenced, path, format!("found {found:?}"));
        problem.near(&found, words());
        problem.expected(words().collect::<Vec<_>>().join(", "));
    }
    source
}

fn address(node: &Node, path: &str, report: &mut Report<'_>) -> Option<IpAddr> {
    let found = text(node, path, report)?;
    let address = found.parse().ok();
    if address.is_none() {
        report.add(node.referenced, path, format!("found {found:?}")).expected("an IP address");
    }
    address
}

fn environ(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Act> {
    let section = Section::open(node, path, grammar::ENVIRON, report)?;
    let own = section.need("own", report, flag);
    let how = section.read("how", report, word).unwrap_or(EnvironHow::Open);
    Some(Act::Environ { own: own?, how })
}

fn inspect(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Act> {
    let section = Section::open(node, path, grammar::INSPECT, report)?;
    let own = section.need("own", report, flag);
    let how = section.read("how", report, word).unwrap_or(InspectHow::Ptrace);
    Some(Act::Inspect { own: own?, how })
}

fn link(node: &Node, path: &str, report: &mut Report<'_>) -> Option<Act> {
    let section = Section::open(node, path, grammar::LINK, report)?;
    let (from, to) = (section.need("path", report, text), section.need("to", report, text));
    let how = section.read("how", report, word).unwrap_or(LinkHow::Rename);
    Some(Act::Link { path: from?, to: to?, how })
}

/// An act in a few words.
pub fn describe(act: &Act) -> String {
    match act {
        Act::Open(path) => format!("open {path}"),
        Act::Probe(path) => format!("probe {path}"),
        Act::Connect(endpoint) => {
            let name = endpoint.host.clone().or_else(|| endpoint.resolved.first().cloned());
            let name = name.unwrap_or_else(|| endpoint.address.to_string());
            format!("connect {name}:{}", endpoint.port)
        }
        Act::Exec(program) => format!("exec {}", program.args.join(" ")),
        Act::Environ { own, .. } => format!("environ of {}", whose(*own)),
        Act::Inspect { own, .. } => format!("inspect {}", whose(*own)),
        Act::Delegate(socket) => format!("delegate {socket}"),
        Act::Link { path, to, how } => format!("{} {path} to {to}", how.word()),
        Act::Lifecycle(end) => format!("lifecycle {}", end.word()),
        Act::Answer { how, rule } => format!("{} {rule}", how.word()),
    }
}

fn whose(own: bool) -> &'static str {
    if own { "its own" } else { "another process" }
}
