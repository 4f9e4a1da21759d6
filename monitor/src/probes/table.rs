//! Which program serves which action by which hook: one table, one loader.

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Raw tracepoint of this name.
    RawTracepoint(&'static str),
    /// Tracepoint `syscalls/NAME`.
    Syscall(&'static str),
    /// A cgroup hook, at the root of the cgroup v2 tree.
    SocketAddress,
    SocketRelease,
    Egress,
    Ingress,
}

/// When a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From the daemon's start on.
    Always,
    /// Only while a session lives, so that nobody pays for it otherwise.
    Sessions,
}

/// What the user would miss without the program; the metric's `action` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    Lineage,
    Execute,
    Open,
    Connect,
    HoldFlow,
    ReadNames,
}

impl Duty {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lineage => "lineage",
            Self::Execute => "execute",
            Self::Open => "open",
            Self::Connect => "connect",
            Self::HoldFlow => "hold",
            Self::ReadNames => "names",
        }
    }
}

/// One attachment.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    pub program: &'static str,
    pub hook: Hook,
    pub duty: Duty,
    pub when: When,
    /// Missing on some kernels: the duty is then served by the others of its kind.
    pub optional: bool,
}

const fn always(program: &'static str, hook: Hook, duty: Duty) -> Attachment {
    Attachment { program, hook, duty, when: When::Always, optional: false }
}

const fn with_sessions(program: &'static str, hook: Hook, duty: Duty) -> Attachment {
    Attachment { program, hook, duty, when: When::Sessions, optional: false }
}

/// Syscalls that not every architecture has (`open` is absent on arm64).
const fn maybe(program: &'static str, hook: Hook, duty: Duty) -> Attachment {
    Attachment { program, hook, duty, when: When::Always, optional: true }
}

/// The portable backend, in the order of attaching: lineage before everything that relies on labels.
pub const PORTABLE: &[Attachment] = &[
    always("process_fork", Hook::RawTracepoint("sched_process_fork"), Duty::Lineage),
    always("process_exit", Hook::RawTracepoint("sched_process_exit"), Duty::Lineage),
    always("process_exec", Hook::RawTracepoint("sched_process_exec"), Duty::Execute),
    maybe("enter_open", Hook::Syscall("sys_enter_open"), Duty::Open),
    always("enter_openat", Hook::Syscall("sys_enter_openat"), Duty::Open),
    always("enter_openat2", Hook::Syscall("sys_enter_openat2"), Duty::Open),
    maybe("exit_open", Hook::Syscall("sys_exit_open"), Duty::Open),
    always("exit_open", Hook::Syscall("sys_exit_openat"), Duty::Open),
    always("exit_open", Hook::Syscall("sys_exit_openat2"), Duty::Open),
    always("connect4", Hook::SocketAddress, Duty::Connect),
    always("connect6", Hook::SocketAddress, Duty::Connect),
    always("sendmsg4", Hook::SocketAddress, Duty::Connect),
    always("sendmsg6", Hook::SocketAddress, Duty::Connect),
    always("sock_release", Hook::SocketRelease, Duty::Connect),
    with_sessions("egress", Hook::Egress, Duty::HoldFlow),
    with_sessions("ingress", Hook::Ingress, Duty::ReadNames),
];

/// Maps that outlive the daemon where pins are configured: sessions, taints, verdicts, and what was not read yet.
pub const MAPS: &[&str] = &[
    "PROCESSES",
    "SESSIONS",
    "TAINTS",
    "FLOWS",
    "VERDICTS",
    "SECRET_INODES",
    "SECRET_NAMES",
    "ADDRESSES",
    "POLICY",
    "OPENS",
    "LIFECYCLE",
    "ACCESS",
    "LOST",
];
