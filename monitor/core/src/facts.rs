//! Facts: what happened, enriched, in the words of `docs/architecture.md`. Rules see nothing else.

mod container;
mod pod;
mod states;
mod terms;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{hex::hex, mask};

pub use container::Container;
pub use pod::{InPod, Pod, PodOwner, Trust, Workload};
pub use states::{HoldState, Mode, Place, SessionStatus};
pub use terms::{FactorKind, ReasonTerm, Terms};

/// Boot clock (`CLOCK_BOOTTIME`), ns: the kernel's and the daemon's common clock for order, windows and deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootNanos(pub u64);

impl BootNanos {
    /// So much later, at most the end of the clock.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// Time from `then` to this; zero where the two arrived out of order.
    #[must_use]
    pub fn since(self, then: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(then.0))
    }
}

/// Identity of an agent session, see [`monitor_common::label::session_id`].
///
/// Written as `PID-XXXXX`: the root's pid and five hex digits of its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl SessionId {
    /// The root's thread group id.
    #[must_use]
    pub fn root(self) -> u32 {
        (self.0 >> 42) as u32
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:05x}", self.root(), self.0 & 0xf_ffff)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How much harm a secret can do: A a live infrastructure credential, B another credential, C indirect (history).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Grade {
    A,
    B,
    C,
}

/// Class of an endpoint.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DestinationClass {
    /// A control plane that can create and destroy.
    Infra,
    /// A model, its login or its telemetry: never blocked.
    Model,
    /// A package registry, learned from the package managers' configuration.
    Package,
    Database,
    /// A cloud's instance metadata service.
    Metadata,
    /// A place to fetch source code from.
    Vcs,
    /// Loopback, link-local or private address without a better name.
    Local,
    /// Of a provider whose pack is switched off: known, and nothing that a rule by class acts on.
    Plain,
    Unknown,
}

/// What a host serves besides what its class says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A control plane that can create and destroy.
    Infra,
}

/// What a rule does when it matches, weakest first: the order decides which of several wins.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Allow,
    Alert,
    Hold,
    Deny,
    Freeze,
    Kill,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// Kind of fact; what a rule's `on:` names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A secret was opened for reading.
    Open,
    /// Opening a secret's name failed.
    Probe,
    /// A connection was opened, or a held flow asks.
    Connect,
    Exec,
    /// The environment was listed, of its own or of another process.
    Environ,
    /// Another process was reached into.
    Inspect,
    /// Work was handed to a process outside of the session's tree.
    Delegate,
    /// A secret got another name.
    Link,
    /// A session began or ended.
    Lifecycle,
}

/// The process that acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    /// Boot clock, ns.
    pub start: BootNanos,
    /// Path of the program, as executed.
    pub executable: String,
    /// Shared: a fork begins with its creator's.
    pub args: Arc<[String]>,
    /// `args` are not what the program gets, or not all of it: it has not begun, and they could not be read.
    #[serde(default)]
    pub args_unknown: bool,
}

impl Process {
    /// Last component of the executable's path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.executable.rsplit('/').next().unwrap_or(&self.executable)
    }

    /// As it is shown to people: its arguments without credentials, or its path where it has none, cut at 160 characters.
    #[must_use]
    pub fn command_line(&self) -> String {
        if self.args.is_empty() { mask::shown(&self.executable) } else { mask::shown_arguments(&self.args) }
    }

    /// What a command line is told apart by where only [`Self::command_line`] is kept: of all its arguments as they are, so that
    /// two which differ in a credential alone, or behind the 160 characters, are two. SHA-256, hexadecimal.
    #[must_use]
    pub fn command_digest(&self) -> String {
        let mut digest = Sha256::new();
        for part in std::iter::once(&self.executable).chain(&*self.args) {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        hex(&digest.finalize())
    }
}

/// A secret that was opened or asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretAccess {
    /// Absolute where it could be resolved, else as the process gave it.
    pub path: String,
    /// Id of the catalogue's entry: `railway-cli`.
    pub entry: String,
    /// `cloud`, `paas`, `kubernetes`, `vcs`, `registry`, `database`, `ssh`, `dotenv`, `browser`, `history`, `agent` …
    pub class: String,
    pub grade: Grade,
    /// Outside the session's workspace, and the reader is not one of the store's owner tools.
    pub foreign: bool,
    /// The reader is one of the store's owner tools (or the agent itself reading its own store).
    pub owner: bool,
    /// It is another file, which a session wrote after it had read the secret, and which holds something of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// A library looked into it unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habit: Option<Habit>,
}

/// A read by habit: what it says of the reader's purpose is only that the credential may be used where it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    /// Catalogue ids of the endpoints that the credential is for: a connection there counts in full.
    pub providers: Vec<String>,
    /// As what the read counts where nobody is known.
    pub elsewhere: Grade,
}

/// Where a destination's name came from, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameSource {
    /// TLS ClientHello of this very flow.
    ServerName,
    /// `CONNECT host:port` or `Host:` of this very flow.
    Http,
    /// A DNS answer that the session received.
    Dns,
    /// No name: an address or a port that the catalogue lists.
    Address,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub address: IpAddr,
    pub port: u16,
    /// `tcp` or `udp`.
    pub transport: Transport,
    pub name: Option<String>,
    pub named_by: Option<NameSource>,
    pub class: DestinationClass,
    /// What the host serves besides, as the catalogue marks it.
    pub also: Option<Role>,
    pub provider: Option<String>,
    /// Nobody is known to be there: a plain address, a name that the catalogue lacks, a place where anybody drops things.
    #[serde(default)]
    pub anybodys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    Udp,
    /// A raw socket's packets: their destination is not known.
    Raw,
}

/// Whose environment was listed, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironAccess {
    /// Process whose environment it is.
    pub target: u32,
    pub own: bool,
    pub how: EnvironHow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironHow {
    /// `env`, `printenv`, `sh -c 'export -p'`.
    Exec,
    /// `/proc/PID/environ`.
    Open,
    /// `/proc/PID/mem`.
    Memory,
}

/// Which process was reached into, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub target: u32,
    /// The target is of the same session.
    pub own: bool,
    pub how: InspectHow,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum InspectHow {
    /// `ptrace`, or an access that asks for the same permission (`/proc/PID/mem`).
    Ptrace,
    /// `process_vm_readv`, `process_vm_writev`.
    Memory,
}

/// Work that is handed to a process outside of the tree: what it starts is no descendant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// Catalogue id of the service: `docker`, `systemd`, `cron`, `at`, `tmux`.
    pub service: String,
    pub how: DelegateHow,
    /// Path of the socket, or of the program that asks for it.
    pub path: String,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DelegateHow {
    /// A Unix socket of the service was connected to.
    Socket,
    /// A program was executed that exists to ask for it.
    Command,
    /// A file was written that the service runs or obeys later.
    File,
}

/// A secret that gets another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relink {
    pub secret: SecretAccess,
    pub how: LinkHow,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LinkHow {
    /// A hard link.
    Link,
    Rename,
}

/// An end of a session. Rules call it `lifecycle.stage`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    Started,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "lowercase")]
pub enum Subject {
    Open(SecretAccess),
    Probe(SecretAccess),
    Connect(Destination),
    /// A connection that has not begun. Only rules that stop before the handshake are asked; the others see the
    /// connection when it asks with its first data.
    Handshake(Destination),
    Exec,
    Environ(EnvironAccess),
    Inspect(Inspection),
    Delegate(Delegation),
    Link(Relink),
    Lifecycle(Lifecycle),
}

impl Subject {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Open(_) => Kind::Open,
            Self::Probe(_) => Kind::Probe,
            Self::Connect(_) | Self::Handshake(_) => Kind::Connect,
            Self::Exec => Kind::Exec,
            Self::Environ(_) => Kind::Environ,
            Self::Inspect(_) => Kind::Inspect,
            Self::Delegate(_) => Kind::Delegate,
            Self::Link(_) => Kind::Link,
            Self::Lifecycle(_) => Kind::Lifecycle,
        }
    }

    /// Where it goes, where it goes anywhere.
    #[must_use]
    pub fn destination(&self) -> Option<&Destination> {
        match self {
            Self::Connect(destination) | Self::Handshake(destination) => Some(destination),
            _ => None,
        }
    }

    /// The secret that it is about, where it is about one.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretAccess> {
        match self {
            Self::Open(secret) | Self::Probe(secret) => Some(secret),
            Self::Link(relink) => Some(&relink.secret),
            _ => None,
        }
    }
}

/// One thing that a session did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub at: BootNanos,
    pub session: SessionId,
    /// Catalogue id of the session's agent: `claude-code`, `unknown`.
    pub agent: String,
    /// Age of the session when it happened.
    pub session_age: std::time::Duration,
    /// Records of the session were lost: what it touched is not wholly known.
    pub incomplete: bool,
    pub pod: InPod,
    pub process: Process,
    pub subject: Subject,
}
