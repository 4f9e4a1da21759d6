//! Which program serves which duty by which hook: one table, one loader. Each duty names its backends in order of
//! preference; the first that this kernel lets attach is in force.

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
    /// Hook of the Linux security module framework.
    Lsm(&'static str),
    /// Entry or exit of a kernel function.
    Entry(&'static str),
    Exit(&'static str),
}

/// When a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From the daemon's start on.
    Always,
    /// Only while a session lives, so that nobody pays for it otherwise.
    Sessions,
}

/// A family of hooks; the metric's `backend` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// BPF is in the kernel's active LSM list.
    Lsm,
    /// fentry and fexit.
    Tracing,
    /// Ring buffers are enough.
    Portable,
}

impl Backend {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lsm => "lsm",
            Self::Tracing => "tracing",
            Self::Portable => "portable",
        }
    }
}

/// What the user would miss without it; the metric's `action` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    Lineage,
    Execute,
    Open,
    Connect,
    HoldFlow,
    ReadNames,
    GateExecute,
    Inspect,
    Protect,
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
            Self::GateExecute => "gate-execute",
            Self::Inspect => "inspect",
            Self::Protect => "protect",
        }
    }
}

/// One attachment.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    pub program: &'static str,
    pub hook: Hook,
    /// Missing on some kernels: the others of its backend do without it.
    pub optional: bool,
}

/// One way to serve a duty.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub backend: Backend,
    /// What it can do, for people: `observe, hold, deny`.
    pub can: &'static str,
    pub attachments: &'static [Attachment],
}

/// A duty and the ways to serve it, best first.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub duty: Duty,
    pub when: When,
    /// The daemon does not start without it.
    pub required: bool,
    pub offers: &'static [Offer],
}

const fn at(program: &'static str, hook: Hook) -> Attachment {
    Attachment { program, hook, optional: false }
}

/// For hooks that not every kernel has (the syscall `open` is absent on arm64).
const fn maybe(program: &'static str, hook: Hook) -> Attachment {
    Attachment { program, hook, optional: true }
}

const fn required(duty: Duty, when: When, offers: &'static [Offer]) -> Service {
    Service { duty, when, required: true, offers }
}

/// Every duty, in the order of attaching: lineage before everything that relies on labels.
pub const SERVICES: &[Service] = &[
    required(
        Duty::Lineage,
        When::Always,
        &[Offer {
            backend: Backend::Portable,
            can: "follow every fork and exit",
            attachments: &[
                at("process_fork", Hook::RawTracepoint("sched_process_fork")),
                at("process_exit", Hook::RawTracepoint("sched_process_exit")),
            ],
        }],
    ),
    required(
        Duty::Execute,
        When::Always,
        &[Offer {
            backend: Backend::Portable,
            can: "observe",
            attachments: &[at("process_exec", Hook::RawTracepoint("sched_process_exec"))],
        }],
    ),
    required(
        Duty::Open,
        When::Always,
        &[
            Offer {
                backend: Backend::Lsm,
                can: "observe, hold, deny",
                attachments: &[
                    at("file_open", Hook::Lsm("file_open")),
                    maybe("open_failed", Hook::Exit("do_filp_open")),
                ],
            },
            Offer {
                backend: Backend::Tracing,
                can: "observe",
                attachments: &[
                    at("security_file_open", Hook::Entry("security_file_open")),
                    maybe("open_failed", Hook::Exit("do_filp_open")),
                ],
            },
            Offer {
                backend: Backend::Portable,
                can: "observe (not through io_uring or 32-bit syscalls)",
                attachments: &[
                    maybe("enter_open", Hook::Syscall("sys_enter_open")),
                    at("enter_openat", Hook::Syscall("sys_enter_openat")),
                    at("enter_openat2", Hook::Syscall("sys_enter_openat2")),
                    maybe("exit_open", Hook::Syscall("sys_exit_open")),
                    at("exit_open", Hook::Syscall("sys_exit_openat")),
                    at("exit_open", Hook::Syscall("sys_exit_openat2")),
                ],
            },
        ],
    ),
    // The cgroup hooks are the same everywhere; what differs is who stops a frozen caller that somebody continued.
    required(
        Duty::Connect,
        When::Always,
        &[
            Offer {
                backend: Backend::Lsm,
                can: "observe, deny; flows are held by hold",
                attachments: &[
                    at("socket_connect", Hook::Lsm("socket_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                ],
            },
            Offer {
                backend: Backend::Tracing,
                can: "observe, deny; flows are held by hold",
                attachments: &[
                    at("security_socket_connect", Hook::Entry("security_socket_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                ],
            },
            Offer {
                backend: Backend::Portable,
                can: "observe, deny; flows are held by hold",
                attachments: &[
                    at("enter_connect", Hook::Syscall("sys_enter_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                ],
            },
        ],
    ),
    Service {
        duty: Duty::GateExecute,
        when: When::Always,
        required: false,
        offers: &[Offer {
            backend: Backend::Lsm,
            can: "hold, deny",
            attachments: &[at("bprm_check", Hook::Lsm("bprm_check_security"))],
        }],
    },
    Service {
        duty: Duty::Inspect,
        when: When::Always,
        required: false,
        offers: &[Offer {
            backend: Backend::Lsm,
            can: "observe; deny against the daemon",
            attachments: &[at("ptrace_access_check", Hook::Lsm("ptrace_access_check"))],
        }],
    },
    Service {
        duty: Duty::Protect,
        when: When::Always,
        required: false,
        offers: &[Offer {
            backend: Backend::Lsm,
            can: "deny to agents: signals to the daemon, bpf, removing its files",
            attachments: &[
                at("task_kill", Hook::Lsm("task_kill")),
                at("bpf", Hook::Lsm("bpf")),
                at("inode_unlink", Hook::Lsm("inode_unlink")),
                at("inode_rename", Hook::Lsm("inode_rename")),
                at("inode_link", Hook::Lsm("inode_link")),
            ],
        }],
    },
    required(
        Duty::HoldFlow,
        When::Sessions,
        &[Offer {
            backend: Backend::Portable,
            can: "hold, deny",
            attachments: &[at("egress", Hook::Egress)],
        }],
    ),
    required(
        Duty::ReadNames,
        When::Sessions,
        &[Offer { backend: Backend::Portable, can: "observe", attachments: &[at("ingress", Hook::Ingress)] }],
    ),
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
    "OPEN_VERDICTS",
    "ANSWERS",
    "OWN_INODES",
    "DAEMON",
    "ADDRESSES",
    "POLICY",
    "OPENS",
    "LIFECYCLE",
    "ACCESS",
    "LOST",
];
