//! Which program serves which feature by which hook: one table, one loader. Each feature names its backends in order of
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
    SocketCreate,
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
    /// From the daemon's start on: what a session is recognised and followed by.
    Always,
    /// Only while a session lives: whatever acts on labelled processes alone, so that nobody pays for it otherwise.
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
pub enum Feature {
    Lineage,
    Execute,
    Open,
    Connect,
    HoldFlow,
    ReadNames,
    HoldExecute,
    Sockets,
    Delegate,
    Relink,
    Inspect,
    Mount,
    Protect,
}

impl Feature {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lineage => "lineage",
            Self::Execute => "execute",
            Self::Open => "open",
            Self::Connect => "connect",
            Self::HoldFlow => "hold",
            Self::ReadNames => "names",
            Self::HoldExecute => "gate-execute",
            Self::Sockets => "sockets",
            Self::Delegate => "delegate",
            Self::Relink => "link",
            Self::Inspect => "inspect",
            Self::Mount => "mount",
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

/// One way to serve a feature.
#[derive(Clone, Copy, Debug)]
pub struct BackendSpec {
    pub backend: Backend,
    /// What it can do, for people: `observe, hold, deny`.
    pub can: &'static str,
    pub attachments: &'static [Attachment],
}

/// A feature and the ways to serve it, best first.
#[derive(Clone, Copy, Debug)]
pub struct FeatureSpec {
    pub feature: Feature,
    pub when: When,
    /// The daemon does not start without it.
    pub required: bool,
    pub backends: &'static [BackendSpec],
}

const fn at(program: &'static str, hook: Hook) -> Attachment {
    Attachment { program, hook, optional: false }
}

/// For hooks that not every kernel has (the syscall `open` is absent on arm64).
const fn maybe(program: &'static str, hook: Hook) -> Attachment {
    Attachment { program, hook, optional: true }
}

const fn required(feature: Feature, when: When, backends: &'static [BackendSpec]) -> FeatureSpec {
    FeatureSpec { feature, when, required: true, backends }
}

/// What only some kernels can do, and the daemon starts without.
const fn optional(feature: Feature, backends: &'static [BackendSpec]) -> FeatureSpec {
    FeatureSpec { feature, when: When::Sessions, required: false, backends }
}

/// Every feature, in the order of attaching: lineage before everything that relies on labels, then what keeps data from leaving.
pub const FEATURES: &[FeatureSpec] = &[
    required(
        Feature::Lineage,
        When::Always,
        &[BackendSpec {
            backend: Backend::Portable,
            can: "follow every fork and exit",
            attachments: &[
                at("process_fork", Hook::RawTracepoint("sched_process_fork")),
                at("process_exit", Hook::RawTracepoint("sched_process_exit")),
            ],
        }],
    ),
    required(
        Feature::Execute,
        When::Always,
        &[BackendSpec {
            backend: Backend::Portable,
            can: "observe",
            attachments: &[at("process_exec", Hook::RawTracepoint("sched_process_exec"))],
        }],
    ),
    required(
        Feature::Open,
        When::Sessions,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe, hold, deny",
                attachments: &[
                    at("file_open", Hook::Lsm("file_open")),
                    maybe("submit_receive", Hook::RawTracepoint("io_uring_submit_req")),
                    maybe("open_failed", Hook::Exit("do_filp_open")),
                    maybe("open_failed", Hook::Exit("do_file_open")), // its name since v7.1
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_pidfd_getfd")),
                    maybe("enter_message", Hook::Syscall("sys_enter_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmmsg")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe",
                attachments: &[
                    at("security_file_open", Hook::Entry("security_file_open")),
                    maybe("submit_receive", Hook::RawTracepoint("io_uring_submit_req")),
                    maybe("open_failed", Hook::Exit("do_filp_open")),
                    maybe("open_failed", Hook::Exit("do_file_open")), // its name since v7.1
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_pidfd_getfd")),
                    maybe("enter_message", Hook::Syscall("sys_enter_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmmsg")),
                ],
            },
            BackendSpec {
                backend: Backend::Portable,
                can: "observe; io_uring counts as a touch, 32-bit syscalls are not seen",
                attachments: &[
                    maybe("exit_open", Hook::Syscall("sys_exit_open")),
                    at("exit_open", Hook::Syscall("sys_exit_openat")),
                    at("exit_open", Hook::Syscall("sys_exit_openat2")),
                    maybe("submit_request", Hook::RawTracepoint("io_uring_submit_req")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_pidfd_getfd")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_dup")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_dup2")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_dup3")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_fcntl")),
                    maybe("enter_message", Hook::Syscall("sys_enter_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmsg")),
                    maybe("exit_descriptor", Hook::Syscall("sys_exit_recvmmsg")),
                ],
            },
        ],
    ),
    // The cgroup hooks are the same everywhere; what differs is who stops a frozen caller that somebody continued.
    required(
        Feature::Connect,
        When::Sessions,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe, deny, hold before the handshake; data is held by hold",
                attachments: &[
                    at("socket_connect", Hook::Lsm("socket_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                    at("sock_graft", Hook::Lsm("sock_graft")),
                    at("socket_listen", Hook::Lsm("socket_listen")),
                    at("socket_accept", Hook::Lsm("socket_accept")),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_connect")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe, deny, hold before the handshake; data is held by hold",
                attachments: &[
                    at("security_socket_connect", Hook::Entry("security_socket_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                    at("security_sock_graft", Hook::Entry("security_sock_graft")),
                    at("security_socket_listen", Hook::Entry("security_socket_listen")),
                    at("security_socket_accept", Hook::Entry("security_socket_accept")),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_connect")),
                ],
            },
            BackendSpec {
                backend: Backend::Portable,
                can: "observe, deny, hold before the handshake; data is held by hold",
                attachments: &[
                    at("enter_connect", Hook::Syscall("sys_enter_connect")),
                    at("connect4", Hook::SocketAddress),
                    at("connect6", Hook::SocketAddress),
                    at("sendmsg4", Hook::SocketAddress),
                    at("sendmsg6", Hook::SocketAddress),
                    at("sock_release", Hook::SocketRelease),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_listen")),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_connect")),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_accept")),
                    maybe("exit_meeting", Hook::Syscall("sys_exit_accept4")),
                ],
            },
        ],
    ),
    required(
        Feature::HoldFlow,
        When::Sessions,
        &[BackendSpec {
            backend: Backend::Portable,
            can: "hold, deny",
            attachments: &[at("egress", Hook::Egress)],
        }],
    ),
    required(
        Feature::ReadNames,
        When::Sessions,
        &[BackendSpec {
            backend: Backend::Portable,
            can: "observe",
            attachments: &[at("ingress", Hook::Ingress)],
        }],
    ),
    optional(
        Feature::HoldExecute,
        &[BackendSpec {
            backend: Backend::Lsm,
            can: "hold, deny",
            attachments: &[at("bprm_check", Hook::Lsm("bprm_check_security"))],
        }],
    ),
    required(
        Feature::Sockets,
        When::Sessions,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "deny MPTCP, SCTP, DCCP, packet sockets; raw sockets are held",
                attachments: &[
                    at("sock_create", Hook::SocketCreate),
                    at("socket_create", Hook::Lsm("socket_create")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "deny MPTCP, SCTP, DCCP; raw sockets are held; observe packet sockets",
                attachments: &[
                    at("sock_create", Hook::SocketCreate),
                    at("security_socket_create", Hook::Entry("security_socket_create")),
                ],
            },
            BackendSpec {
                backend: Backend::Portable,
                can: "deny MPTCP, SCTP, DCCP; raw sockets are held; observe packet sockets",
                attachments: &[
                    at("sock_create", Hook::SocketCreate),
                    at("enter_socket", Hook::Syscall("sys_enter_socket")),
                ],
            },
        ],
    ),
    optional(
        Feature::Delegate,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe, hold, deny",
                attachments: &[
                    at("unix_stream_connect", Hook::Lsm("unix_stream_connect")),
                    at("unix_may_send", Hook::Lsm("unix_may_send")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe",
                attachments: &[at(
                    "security_unix_stream_connect",
                    Hook::Entry("security_unix_stream_connect"),
                )],
            },
            // By `enter_connect`, which Connect has attached.
            BackendSpec { backend: Backend::Portable, can: "observe", attachments: &[] },
        ],
    ),
    optional(
        Feature::Relink,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe and follow",
                attachments: &[
                    at("inode_link", Hook::Lsm("inode_link")),
                    at("inode_rename", Hook::Lsm("inode_rename")),
                    at("start_renamed", Hook::Lsm("inode_rename")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe and follow",
                attachments: &[
                    at("security_inode_link", Hook::Entry("security_inode_link")),
                    at("security_inode_rename", Hook::Entry("security_inode_rename")),
                    at("security_start_renamed", Hook::Entry("security_inode_rename")),
                ],
            },
        ],
    ),
    optional(
        Feature::Inspect,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe; deny against the daemon",
                attachments: &[at("ptrace_access_check", Hook::Lsm("ptrace_access_check"))],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe",
                attachments: &[at(
                    "security_ptrace_access_check",
                    Hook::Entry("security_ptrace_access_check"),
                )],
            },
            BackendSpec {
                backend: Backend::Portable,
                can: "observe",
                attachments: &[
                    at("enter_ptrace", Hook::Syscall("sys_enter_ptrace")),
                    maybe("enter_process_vm", Hook::Syscall("sys_enter_process_vm_readv")),
                    maybe("enter_process_vm", Hook::Syscall("sys_enter_process_vm_writev")),
                ],
            },
        ],
    ),
    optional(
        Feature::Mount,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "observe; deny over Interlock's own places",
                attachments: &[
                    at("sb_mount", Hook::Lsm("sb_mount")),
                    at("move_mount", Hook::Lsm("move_mount")),
                    at("sb_umount", Hook::Lsm("sb_umount")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe",
                attachments: &[
                    at("security_sb_mount", Hook::Entry("security_sb_mount")),
                    at("security_move_mount", Hook::Entry("security_move_mount")),
                    at("security_sb_umount", Hook::Entry("security_sb_umount")),
                ],
            },
        ],
    ),
    optional(
        Feature::Protect,
        &[
            BackendSpec {
                backend: Backend::Lsm,
                can: "deny to agents: signals to the daemon, bpf, changing its files",
                attachments: &[
                    at("task_kill", Hook::Lsm("task_kill")),
                    at("bpf", Hook::Lsm("bpf")),
                    at("inode_unlink", Hook::Lsm("inode_unlink")),
                    at("inode_rmdir", Hook::Lsm("inode_rmdir")),
                    at("inode_create", Hook::Lsm("inode_create")),
                    at("inode_mkdir", Hook::Lsm("inode_mkdir")),
                    at("inode_symlink", Hook::Lsm("inode_symlink")),
                    // Only where a module that judges by paths is built in (CONFIG_SECURITY_PATH).
                    maybe("path_truncate", Hook::Lsm("path_truncate")),
                    maybe("path_chmod", Hook::Lsm("path_chmod")),
                ],
            },
            BackendSpec {
                backend: Backend::Tracing,
                can: "observe signals to the daemon, bpf, writes to its files",
                attachments: &[
                    at("signal_generate", Hook::RawTracepoint("signal_generate")),
                    at("security_bpf", Hook::Entry("security_bpf")),
                ],
            },
            BackendSpec {
                backend: Backend::Portable,
                can: "observe signals to the daemon, writes to its files",
                attachments: &[at("signal_generate", Hook::RawTracepoint("signal_generate"))],
            },
        ],
    ),
];

/// Maps that outlive the daemon where pins are configured: sessions, taints, verdicts, and what was not read yet.
pub const MAPS: &[&str] = &[
    "PROCESSES",
    "SESSIONS",
    "TAINTS",
    "FLOWS",
    "VERDICTS",
    "FLOW_NAMES",
    "SENT",
    "SECRET_BITS",
    "SECRET_INODES",
    "SECRET_NAMES",
    "FOLLOWED",
    "FOLLOWED_BITS",
    "FOREIGN_DIRECTORIES",
    "MADE",
    "WRITTEN",
    "CARRIED",
    "WRITTEN_BITS",
    "LISTENERS",
    "CANDIDATES",
    "PIPES",
    "MESSAGES",
    "SHARED",
    "MET",
    "SERVICE_NAMES",
    "OPEN_VERDICTS",
    "ANSWERS",
    "HANDSHAKES",
    "OWN_INODES",
    "DAEMON",
    "ADDRESSES",
    "POLICY",
    "LIFECYCLE",
    "ACCESS",
    "LOST",
];

#[cfg(test)]
mod tests;
