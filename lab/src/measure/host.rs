//! Whom a client talks to, and what for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{is_own_tag, name_of};
use crate::{client::Client, home, sandbox::Seen, trace::Trace};

/// What for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It got the client's login.
    Api,
    /// It is told what was run.
    Telemetry,
    /// It is asked for a newer version.
    Update,
    #[default]
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub port: u16,
    pub role: Role,
    /// A login of another tool, found in everybody's home, was sent there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others_login: bool,
    /// The first request: `GET /v1/projects`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
}

/// Stands for a package registry's name, which is nobody's business here.
pub const REGISTRY: &str = "a package registry";

/// In the order of the connections; a name that was only resolved is none.
pub fn hosts(client: &Client, trace: &Trace, seen: &Seen) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    let mut listed = BTreeSet::new();
    let connected = trace.connections.iter().filter(|(_, port)| *port != 53 && *port != 0);
    let connected = connected.filter_map(|(address, port)| {
        let metadata = (address.octets() == [169, 254, 169, 254]).then_some("169.254.169.254");
        Some((name_of(seen, *address).or(metadata)?.to_owned(), *port))
    });
    // A proxy's or a pool's other names are in the requests alone.
    let requested = seen.requests.iter().map(|request| (request.host.clone(), request.port));
    for (name, port) in connected.chain(requested) {
        if !listed.insert((name.clone(), port)) {
            continue;
        }
        let requests: Vec<_> =
            seen.requests.iter().filter(|request| request.host == name && request.port == port).collect();
        let with = |wanted: fn(&str) -> bool| {
            requests.iter().any(|request| request.tokens.iter().any(|tag| wanted(tag)))
        };
        let host = Host {
            role: role(client, &name, with(|tag| tag != home::TAG && is_own_tag(tag))),
            others_login: with(|tag| tag == home::TAG),
            request: requests
                .iter()
                .map(|request| request.line.clone())
                .find(|line| !line.is_empty())
                .unwrap_or_default(),
            name: if is_registry(&name) { REGISTRY.to_owned() } else { name },
            port,
        };
        let host = if host.name == REGISTRY { Host { request: String::new(), ..host } } else { host };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn role(client: &Client, name: &str, has_login: bool) -> Role {
    const TELEMETRY: [&str; 20] = [
        "telemetry",
        "segment",
        "posthog",
        "track",
        "sentry",
        "amplitude",
        "mixpanel",
        "analytics",
        "statsig",
        "metrics",
        "rudder",
        "launchdarkly",
        "bugsnag",
        "datadog",
        "honeycomb",
        "applicationinsights",
        "visualstudio",
        "scarf",
        "monorail",
        "sparrow",
    ];
    const UPDATES: [&str; 3] = ["api.github.com", "github.com", "raw.githubusercontent.com"];
    if client.telemetry.contains(name) {
        return Role::Telemetry;
    }
    if has_login || client.api.contains(name) {
        return Role::Api;
    }
    if is_registry(name) || UPDATES.contains(&name) {
        return Role::Update;
    }
    if TELEMETRY.iter().any(|word| name.contains(word)) { Role::Telemetry } else { Role::Other }
}

/// By its labels; which registry it is does not matter.
pub(crate) fn is_registry(name: &str) -> bool {
    const LABELS: [&str; 10] = [
        "registry",
        "npmjs",
        "yarnpkg",
        "pypi",
        "pythonhosted",
        "crates",
        "golang",
        "rubygems",
        "brew",
        "maven",
    ];
    name.split('.').any(|label| LABELS.contains(&label))
}
