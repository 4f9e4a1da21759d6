//! What a program can do: one act after the other, in one process that may become others on the way.

use serde::{Deserialize, Serialize};

/// A program: its acts in order. With one touch, and after it one send.
pub type Program = Vec<Act>;

/// One act. Where an act fails, the program goes on with the next, as a determined one would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Milliseconds.
    Delay(u16),

    // Who goes on with the rest.
    /// A child goes on.
    Fork(Parent),
    /// A grandchild goes on, and its parent is gone.
    DoubleFork,
    /// A child that is begun by vfork and exec goes on.
    Spawn,
    /// The same process goes on, after an exec.
    Exec,
    /// A thread goes on.
    Thread,
    /// In a process group and a session of its own.
    NewSession,
    /// In namespaces of its own, for users and for mounts.
    Namespaces,
    /// In a network namespace that it entered by a process of its own, where nothing can be reached: connections stay.
    NetworkNamespace,

    // Signals.
    /// SIGCONT to itself, once.
    Continue,
    /// A child sends SIGCONT to it every few milliseconds from now on.
    KeepAwake,
    /// Stops itself; a child continues it a little later.
    StopAndContinue,
    /// A name for itself that kernel threads have.
    OtherName,

    // Other ways to the secret: the touch takes the last one.
    Symlink,
    HardLink,
    Rename,
    RenameFolder,
    /// A bind mount; needs namespaces of its own.
    BindFile,
    BindFolder,
    /// By a path from where it is.
    ChangeFolder,

    /// Reads the secret.
    Touch {
        way: Way,
        read: Reading,
        by: By,
    },

    // The connection: the send takes the last one, or makes one.
    Connect {
        to: To,
        how: How,
    },
    /// A request without a mark, and its answer.
    Ask,
    /// Looks the control plane's name up.
    Resolve,
    Pass(Pass),

    /// Sends the marked request.
    Send {
        form: Form,
        by: Means,
        pieces: u8,
        gap: u16,
    },

    /// Waits for an answer, at most so many milliseconds; all of them where it has no connection any more.
    Await(u16),
    Close,
    Shutdown,
    /// Leaves the connection in a socket's queue, where nobody receives it.
    LeaveInFlight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parent {
    Waits,
    Leaves,
}

/// How the secret is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    Open,
    ReadWrite,
    /// openat beside a descriptor of its folder.
    Openat,
    Openat2,
    /// `O_PATH`, then `/proc/self/fd`.
    PathDescriptor,
    /// By `/proc/self/root`.
    ProcRoot,
    /// A program opens it and prints it.
    Cat,
    /// Somebody outside opened it, and the session's root inherits it.
    Inherited,
    /// Somebody outside opened it and sends it, by `SCM_RIGHTS`.
    Sent,
    /// It is taken out of somebody outside by `pidfd_getfd`.
    Robbed,
    /// It is not touched: the session was started with a variable.
    Known,
}

/// How the opened secret is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    Read,
    Pread,
    Mmap,
    /// Into memory of its own.
    Sendfile,
    /// Through a pipe.
    Splice,
    /// Into a file of the workspace.
    CopyFileRange,
}

/// Who opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    Itself,
    Thread,
    /// A child, which writes what it read into a pipe.
    Child,
    /// A child, which passes the descriptor by `SCM_RIGHTS`.
    ChildPasses,
    /// A child, of which the descriptor is taken by `pidfd_getfd`.
    ChildIsRobbed,
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    V4,
    V6,
    /// An IPv4 address in an IPv6 one.
    V4InV6,
    /// A server on this machine, which could be a proxy.
    Loopback,
    Udp,
    UdpV6,
    /// Datagrams to this machine.
    UdpLoopback,
    /// Datagrams to port 53.
    DnsPort,
    /// A connection of somebody outside, who has it still, that the session's root inherits.
    Inherited,
    /// The same, sent by `SCM_RIGHTS`.
    Sent,
    /// The same, taken by `pidfd_getfd`.
    Robbed,
}

impl To {
    pub fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::UdpV6 | Self::UdpLoopback | Self::DnsPort)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    Plain,
    NonBlocking,
    /// From an address and a port that it binds first.
    Bound,
    /// Port 443 instead of 80.
    OtherPort,
    /// A child connects and passes it on.
    ByChild,
}

/// Which way a connection takes to whoever goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    Duplicate,
    /// By `SCM_RIGHTS` to itself.
    ToItself,
    /// By `SCM_RIGHTS` to a child, which goes on.
    ToChild,
    /// A child goes on, and takes it by `pidfd_getfd`.
    TakenByChild,
}

/// What is sent: the control plane's name where a server would read it, and the marked bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    Http,
    /// The name in capitals, with a port.
    HttpSpelling,
    /// The name in the request's line too.
    HttpAbsolute,
    /// The name behind the token and several headers.
    HttpLateName,
    /// A greeting of TLS, whose session id has the mark.
    Hello,
    HelloSpelling,
    /// The same in two records.
    HelloRecords,
    /// No protocol, no name.
    Bare,
    /// A greeting with a harmless name.
    HelloFronted,
}

/// By which calls it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    Write,
    /// All pieces in one call.
    Writev,
    Sendmsg,
    /// All but the last piece with `MSG_MORE`.
    More,
    /// The last piece only once the connection is uncorked.
    Cork,
    /// Every piece a segment of its own.
    EndOfRecord,
    Sendfile,
    Splice,
    /// On a new connection, with its handshake.
    FastOpen,
    /// An urgent byte in the middle of the name, which servers take out.
    Urgent,
    /// Threads send the pieces, one after the other.
    Threads,
    /// A child sends it, by the descriptor that it inherits.
    Child,
    /// From a page that is changed afterwards.
    ChangedPage,
}

impl Act {
    /// What the act is made of, as the table of what is left out names it: `touch/way/inherited`.
    pub fn names(&self) -> Vec<String> {
        let Ok(value) = serde_json::to_value(self) else { return Vec::new() };
        let mut names = Vec::new();
        spell("", &value, &mut names);
        names
    }
}

fn spell(before: &str, value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::String(name) => names.push(format!("{before}{name}")),
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| spell(&format!("{before}{name}/"), value, names));
        }
        _ => {}
    }
}

/// One line a program, as it is handed to the player and printed.
pub fn encode(program: &[Act]) -> String {
    // Plain enumerations and numbers have a JSON.
    serde_json::to_string(program).unwrap_or_default()
}

/// # Errors
/// It is no list of acts.
pub fn decode(text: &str) -> serde_json::Result<Program> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names() {
        let touch = Act::Touch { way: Way::Openat2, read: Reading::Mmap, by: By::Itself };
        assert_eq!(touch.names(), ["touch/way/openat2", "touch/read/mmap", "touch/by/itself"]);
        assert_eq!(Act::Pass(Pass::ToChild).names(), ["pass/to-child"]);
        assert_eq!(Act::Exec.names(), ["exec"]);
        assert_eq!(Act::Delay(3).names(), [""; 0]);
    }

    #[test]
    fn what_is_no_list_of_acts_is_an_error() {
        assert!(decode("[\"fly\"]").is_err());
        assert_eq!(decode("[\"exec\",{\"delay\":3}]").unwrap(), [Act::Exec, Act::Delay(3)]);
    }
}
