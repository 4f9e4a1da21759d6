//! Which act proves which program: one row per promise.

use monitor_common::event::tamper::act as tamper;
use rustix::io::Errno;

use super::{
    act::Act,
    evidence::{Expect, Mark},
};
use crate::probes::table::Feature;

/// An act that the program must hold, refuse or report.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub feature: Feature,
    /// Tried where this program is attached.
    pub program: &'static str,
    pub act: Act,
    pub expect: Expect,
}

const fn seen(feature: Feature, program: &'static str, act: Act, mark: Mark) -> Case {
    Case { feature, program, act, expect: Expect::Seen(mark) }
}

const fn refused(feature: Feature, program: &'static str, act: Act, mark: Mark) -> Case {
    Case { feature, program, act, expect: Expect::Refused(mark, Errno::PERM) }
}

const fn held(feature: Feature, program: &'static str, act: Act, mark: Mark) -> Case {
    Case { feature, program, act, expect: Expect::Held(mark) }
}

const fn frozen(program: &'static str) -> Case {
    Case { feature: Feature::Connect, program, act: Act::Approach, expect: Expect::Frozen }
}

/// In this order: an act that succeeds, because its hook only observes, must not be in the way of a later one. The flow's
/// own case comes before all of them (`flow`), while the session has touched nothing.
pub const CASES: &[Case] = &[
    seen(Feature::Lineage, "process_fork", Act::Spawn, Mark::Fork),
    seen(Feature::Lineage, "process_exit", Act::Spawn, Mark::Exit),
    seen(Feature::Execute, "process_exec", Act::Spawn, Mark::Exec),
    held(Feature::Open, "file_open", Act::ReadSecret, Mark::Open),
    refused(Feature::Open, "file_open", Act::WriteOwn, Mark::Tamper(tamper::WRITE)),
    seen(Feature::Open, "file_open", Act::ReadEnviron, Mark::Environ),
    seen(Feature::Open, "open_failed", Act::MissName, Mark::Miss),
    seen(Feature::Open, "security_file_open", Act::ReadSecret, Mark::Open),
    seen(Feature::Open, "security_file_open", Act::ReadEnviron, Mark::Environ),
    seen(Feature::Open, "exit_open", Act::ReadSecret, Mark::Open),
    seen(Feature::Open, "exit_open", Act::ReadEnviron, Mark::Environ),
    seen(Feature::Open, "exit_open", Act::MissName, Mark::Miss),
    held(Feature::HoldExecute, "bprm_check", Act::Execute, Mark::Execute),
    frozen("socket_connect"),
    held(Feature::Connect, "socket_connect", Act::Reach, Mark::Connect),
    frozen("security_socket_connect"),
    held(Feature::Connect, "security_socket_connect", Act::Reach, Mark::Connect),
    frozen("enter_connect"),
    held(Feature::Connect, "enter_connect", Act::Reach, Mark::Connect),
    refused(Feature::Connect, "connect4", Act::Connect4, Mark::Connect),
    refused(Feature::Connect, "connect6", Act::Connect6, Mark::Connect),
    refused(Feature::Connect, "sendmsg4", Act::Send4, Mark::Connect),
    refused(Feature::Connect, "sendmsg6", Act::Send6, Mark::Connect),
    Case {
        feature: Feature::Sockets,
        program: "sock_create",
        act: Act::Multipath,
        expect: Expect::Refused(Mark::Socket, Errno::PROTONOSUPPORT),
    },
    refused(Feature::Sockets, "socket_create", Act::Packet, Mark::Socket),
    seen(Feature::Sockets, "security_socket_create", Act::Packet, Mark::Socket),
    seen(Feature::Sockets, "enter_socket", Act::Packet, Mark::Socket),
    held(Feature::Delegate, "unix_stream_connect", Act::ConnectService, Mark::Delegate),
    held(Feature::Delegate, "unix_may_send", Act::MessageService, Mark::Delegate),
    seen(Feature::Delegate, "security_unix_stream_connect", Act::ConnectService, Mark::Delegate),
    seen(Feature::Delegate, "enter_connect", Act::ConnectService, Mark::Delegate),
    seen(Feature::Relink, "inode_link", Act::Link, Mark::Relink),
    refused(Feature::Relink, "inode_link", Act::LinkOwn, Mark::Tamper(tamper::CREATE)),
    seen(Feature::Relink, "inode_rename", Act::Rename, Mark::Relink),
    refused(Feature::Relink, "inode_rename", Act::RenameOwn, Mark::Tamper(tamper::REMOVE)),
    seen(Feature::Relink, "security_inode_link", Act::Link, Mark::Relink),
    seen(Feature::Relink, "security_inode_rename", Act::Rename, Mark::Relink),
    refused(Feature::Inspect, "ptrace_access_check", Act::ReadMemory, Mark::Tamper(tamper::INSPECT)),
    seen(Feature::Inspect, "security_ptrace_access_check", Act::ReadMemory, Mark::Tamper(tamper::INSPECT)),
    seen(Feature::Inspect, "enter_process_vm", Act::ReadMemory, Mark::Tamper(tamper::INSPECT)),
    refused(Feature::Protect, "task_kill", Act::Signal, Mark::Tamper(tamper::SIGNAL)),
    seen(Feature::Protect, "signal_generate", Act::Signal, Mark::Tamper(tamper::SIGNAL)),
    refused(Feature::Protect, "bpf", Act::Bpf, Mark::Tamper(tamper::BPF)),
    seen(Feature::Protect, "security_bpf", Act::Bpf, Mark::Tamper(tamper::BPF)),
    refused(Feature::Protect, "path_truncate", Act::TruncateOwn, Mark::Tamper(tamper::WRITE)),
    refused(Feature::Protect, "path_chmod", Act::OpenOwnToAll, Mark::Tamper(tamper::WRITE)),
    refused(Feature::Protect, "inode_create", Act::CreateOwn, Mark::Tamper(tamper::CREATE)),
    refused(Feature::Protect, "inode_mkdir", Act::MakeOwnDirectory, Mark::Tamper(tamper::CREATE)),
    refused(Feature::Protect, "inode_symlink", Act::LinkOwnByName, Mark::Tamper(tamper::CREATE)),
    refused(Feature::Protect, "inode_rmdir", Act::RemoveOwnDirectory, Mark::Tamper(tamper::REMOVE)),
    refused(Feature::Protect, "inode_unlink", Act::RemoveOwn, Mark::Tamper(tamper::REMOVE)),
    refused(Feature::Mount, "sb_umount", Act::Unmount, Mark::Tamper(tamper::UNMOUNT)),
    seen(Feature::Mount, "security_sb_umount", Act::Unmount, Mark::Tamper(tamper::UNMOUNT)),
    refused(Feature::Mount, "move_mount", Act::MoveOver, Mark::Tamper(tamper::MOUNT)),
    seen(Feature::Mount, "security_move_mount", Act::MoveOver, Mark::Tamper(tamper::MOUNT)),
    refused(Feature::Mount, "sb_mount", Act::MountOver, Mark::Tamper(tamper::MOUNT)),
    seen(Feature::Mount, "security_sb_mount", Act::MountOver, Mark::Tamper(tamper::MOUNT)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::table::{Backend, FEATURES, Hook};

    /// Proven by `flow`; and those that refuse nothing: one notes what must stay held, one what is run later, three who meets whom.
    const ELSEWHERE: [&str; 7] = [
        "egress",
        "ingress",
        "sock_release",
        "start_renamed",
        "sock_graft",
        "socket_listen",
        "socket_accept",
    ];

    #[test]
    fn every_program_that_can_refuse_has_a_case() {
        let refuses = |backend, hook| {
            backend == Backend::Lsm && matches!(hook, Hook::Lsm(_))
                || matches!(hook, Hook::SocketAddress | Hook::SocketCreate | Hook::Egress)
        };
        for feature in FEATURES {
            for spec in feature.backends {
                for attachment in spec.attachments.iter().filter(|at| refuses(spec.backend, at.hook)) {
                    let program = attachment.program;
                    let tried = |case: &Case| {
                        case.feature == feature.feature
                            && case.program == program
                            && !matches!(case.expect, Expect::Seen(_))
                    };
                    assert!(CASES.iter().any(tried) || ELSEWHERE.contains(&program), "{program}");
                }
            }
        }
    }

    #[test]
    fn every_case_is_of_a_program_in_the_table() {
        let attachments =
            || FEATURES.iter().flat_map(|feature| feature.backends).flat_map(|spec| spec.attachments);
        for case in CASES {
            assert!(attachments().any(|at| at.program == case.program), "{}", case.program);
        }
    }
}
