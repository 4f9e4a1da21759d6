//! From what was seen to what is kept of it: facts about a client, without a word of the catalogue.

mod host;
mod program;

use std::{collections::BTreeSet, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::{
    client::Client,
    home,
    install::Installed,
    sandbox::{HOME, Seen},
    token,
    trace::{How, Look, Program, Trace},
};

pub use self::host::{Host, Role};
pub(crate) use self::host::{REGISTRY, is_registry};

/// Places looked for that are kept of one client.
const KEPT: usize = 48;

/// What is known of a client since it was run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub id: String,
    pub package: String,
    pub version: String,
    pub registry: String,
    /// In the order in which they were asked for.
    pub stores: Vec<Place>,
    /// What variables moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<Moved>,
    /// Variables that replace the login.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<Login>,
    pub hosts: Vec<Host>,
    /// `None` where it had to be ended.
    pub exit: Option<i32>,
    /// Why there is nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Measured {
    /// Whether it showed something: a login that it read, or a host that got one.
    #[must_use]
    pub fn shows_something(&self) -> bool {
        self.stores.iter().any(|place| place.own && place.opened)
            || self.hosts.iter().any(|host| host.role == Role::Api)
    }
}

/// A file that was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `~/…` or `/…`
    pub path: String,
    /// One of the client's own stores; otherwise everybody's, or nobody's.
    #[serde(default)]
    pub own: bool,
    /// It was there, and was read; otherwise it was looked for.
    pub opened: bool,
    /// Who read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub variable: String,
    /// What the variable stands for: `~/.config`.
    pub place: String,
    /// What was read there, relative to it; `""` for the place itself. Empty: the variable moves nothing.
    pub opened: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub variable: String,
    /// Its value was seen in a request.
    pub seen: bool,
}

/// The facts of the run with the client's stores in their usual places.
#[must_use]
pub fn usual(client: &Client, installed: &Installed, trace: &Trace, seen: &Seen) -> Measured {
    Measured {
        id: client.id.clone(),
        package: client.name().to_owned(),
        version: client.version().to_owned(),
        registry: client.from.name().to_owned(),
        stores: places(client, installed, trace),
        hosts: host::hosts(client, trace, seen),
        exit: seen.exit,
        ..Measured::default()
    }
}

fn places(client: &Client, installed: &Installed, trace: &Trace) -> Vec<Place> {
    let own = client.stores();
    let laid: BTreeSet<String> = home::everybodys(&own).into_iter().map(|(path, _)| path).collect();
    let mut seen = BTreeSet::new();
    let mut written = BTreeSet::new();
    let mut places: Vec<Place> = Vec::new();
    for look in &trace.looks {
        let path = tilde(&look.path);
        let (is_own, is_laid) = (own.contains(&path), laid.contains(&path));
        let is_made = look.how == How::Opened && !is_own && !is_laid;
        if look.how == How::Written || is_made {
            written.insert(path);
            continue;
        }
        let opened = look.how == How::Opened && (is_own || is_laid);
        let looked_for = look.how == How::Missing && is_of_the_client(&path) && !written.contains(&path);
        if (opened || looked_for || (is_own && look.how == How::Present))
            && seen.insert((path.clone(), opened))
        {
            let program = opened.then(|| program::usual(installed, &look.program));
            places.push(Place { path, own: is_own, opened, program });
        }
    }
    // What was read need not be told as looked for as well.
    let read: BTreeSet<String> =
        places.iter().filter(|place| place.opened).map(|place| place.path.clone()).collect();
    places.retain(|place| place.opened || !read.contains(&place.path));
    let mut looked = 0;
    places.retain(|place| {
        looked += usize::from(!place.opened);
        place.opened || place.own || looked <= KEPT
    });
    places
}

/// `~/…` for what lies in the client's home.
fn tilde(path: &str) -> String {
    path.strip_prefix(HOME)
        .filter(|rest| rest.starts_with('/'))
        .map_or_else(|| path.to_owned(), |rest| format!("~{rest}"))
}

/// Whether a file that is not there says something about the client, and not about its language.
fn is_of_the_client(path: &str) -> bool {
    const NOISE: [&str; 23] = [
        "/<",
        "/node:",
        "/node_modules",
        "/package.json",
        "/site-packages",
        "/.cache/pip",
        "/.npm/_",
        "/.nvm",
        "/.git/",
        "/.hg",
        "/.terminfo",
        "/lib/python",
        "/.local/lib",
        "/.pnp",
        "/tsconfig",
        "/.locale",
        "/.node_",
        "/pyvenv.cfg",
        "/.gitconfig",
        "/.editorconfig",
        "/.inputrc",
        "/.local/bin",
        "/pyproject.toml",
    ];
    const CODE: [&str; 9] = [".js", ".mjs", ".cjs", ".ts", ".py", ".pyc", ".so", ".node", ".lock"];
    const ETC: [&str; 12] = [
        "/etc/aws",
        "/etc/boto",
        "/etc/openstack",
        "/etc/xdg",
        "/etc/mysql",
        "/etc/my.cnf",
        "/etc/postgresql",
        "/etc/kube",
        "/etc/gitlab",
        "/etc/pip",
        "/etc/ansible",
        "/etc/netrc",
    ];
    let of_home = path.starts_with("~/") && path.len() > 2;
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_file = name.contains('.') || path.matches('/').count() > 1;
    (of_home || ETC.iter().any(|start| path.starts_with(start)))
        && is_file
        && !NOISE.iter().any(|part| path.contains(part))
        && !CODE.iter().any(|end| path.ends_with(end))
}

/// What variables moved, from the run in which each stood for a place below `base`.
#[must_use]
pub fn moved(client: &Client, moves: &[(String, String)], base: &str, trace: &Trace) -> Vec<Moved> {
    let opened = |look: &&Look| look.how == How::Opened;
    let facts = moves.iter().cloned().map(|(variable, place)| {
        let there = format!("{base}/{variable}");
        let mut found: Vec<String> = (trace.looks.iter().filter(opened))
            .filter_map(|look| look.path.strip_prefix(&there))
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(|rest| rest.trim_start_matches('/').to_owned())
            .filter(|rest| {
                let usual = if rest.is_empty() { place.clone() } else { format!("{place}/{rest}") };
                client.stores().contains(&usual)
            })
            .collect();
        found.sort();
        found.dedup();
        Moved { variable, place, opened: found }
    });
    facts.collect()
}

/// Which variables replaced the login, from the run in which the n-th had the tag n.
#[must_use]
pub fn logins(client: &Client, seen: &Seen) -> Vec<Login> {
    let was_seen =
        |tag: &str| seen.requests.iter().any(|request| request.tokens.iter().any(|found| found == tag));
    // One without a fake login in its value only goes with another: an account's name.
    let variables = client.logins().into_iter().enumerate().filter(|(_, (_, value))| token::asked(value));
    variables
        .map(|(n, (name, _))| Login { variable: name.to_owned(), seen: was_seen(&login_tag(n)) })
        .collect()
}

/// Adds what the run with variables for the login showed: some clients say nothing before they have one.
pub fn add_hosts(measured: &mut Measured, client: &Client, trace: &Trace, seen: &Seen) {
    for host in host::hosts(client, trace, seen) {
        let known =
            measured.hosts.iter_mut().find(|known| known.name == host.name && known.port == host.port);
        match known {
            Some(known) if host.role == Role::Api && known.role != Role::Api => *known = host,
            Some(_) => {}
            None => measured.hosts.push(host),
        }
    }
}

/// The tag of the n-th variable's token.
#[must_use]
pub fn login_tag(n: usize) -> String {
    format!("{:02}", n + 1)
}

/// Whether a request had a login of the client's own in it: of its stores, or of a variable.
fn is_own_tag(tag: &str) -> bool {
    tag == token::STORE || tag != home::TAG
}

/// An address of the stub's, by the name that led there.
fn name_of(seen: &Seen, address: Ipv4Addr) -> Option<&str> {
    seen.names.iter().find(|(_, known)| **known == address).map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests;
