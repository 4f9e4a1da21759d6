//! Which act proves which program: one row per promise.

use monitor_common::event::guard::act as guard;
use rustix::io::Errno;

use super::{
    act::Act,
    evidence::{Expect, Mark},
};
use crate::probes::table::Duty;

/// An act that the program must hold, refuse or report.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    pub duty: Duty,
    /// Tried where this program is attached.
    pub program: &'static str,
    pub act: Act,
    pub expect: Expect,
}

const fn seen(duty: Duty, program: &'static str, act: Act, mark: Mark) -> Trial {
    Trial { duty, program, act, expect: Expect::Seen(mark) }
}

const fn refused(duty: Duty, program: &'static str, act: Act, mark: Mark) -> Trial {
    Trial { duty, program, act, expect: Expect::Refused(mark, Errno::PERM) }
}

const fn held(duty: Duty, program: &'static str, act: Act, mark: Mark) -> Trial {
    Trial { duty, program, act, expect: Expect::Held(mark) }
}

const fn frozen(program: &'static str) -> Trial {
    Trial { duty: Duty::Connect, program, act: Act::Approach, expect: Expect::Frozen }
}

/// In this order: an act that succeeds, because its hook only observes, must not be in the way of a later one. The flow's
/// own trial comes before all of them (`flow`), while the session has touched nothing.
pub const TRIALS: &[Trial] = &[
    seen(Duty::Lineage, "process_fork", Act::Spawn, Mark::Fork),
    seen(Duty::Lineage, "process_exit", Act::Spawn, Mark::Exit),
    seen(Duty::Execute, "process_exec", Act::Spawn, Mark::Exec),
    held(Duty::Open, "file_open", Act::ReadSecret, Mark::Open),
    refused(Duty::Open, "file_open", Act::WriteOwn, Mark::Guard(guard::WRITE)),
    seen(Duty::Open, "file_open", Act::ReadEnviron, Mark::Environ),
    seen(Duty::Open, "open_failed", Act::MissName, Mark::Miss),
    seen(Duty::Open, "security_file_open", Act::ReadSecret, Mark::Open),
    seen(Duty::Open, "security_file_open", Act::ReadEnviron, Mark::Environ),
    seen(Duty::Open, "exit_open", Act::ReadSecret, Mark::Open),
    seen(Duty::Open, "exit_open", Act::ReadEnviron, Mark::Environ),
    seen(Duty::Open, "exit_open", Act::MissName, Mark::Miss),
    held(Duty::GateExecute, "bprm_check", Act::Execute, Mark::Execute),
    frozen("socket_connect"),
    held(Duty::Connect, "socket_connect", Act::Reach, Mark::Connect),
    frozen("security_socket_connect"),
    held(Duty::Connect, "security_socket_connect", Act::Reach, Mark::Connect),
    frozen("enter_connect"),
    held(Duty::Connect, "enter_connect", Act::Reach, Mark::Connect),
    refused(Duty::Connect, "connect4", Act::Connect4, Mark::Connect),
    refused(Duty::Connect, "connect6", Act::Connect6, Mark::Connect),
    refused(Duty::Connect, "sendmsg4", Act::Send4, Mark::Connect),
    refused(Duty::Connect, "sendmsg6", Act::Send6, Mark::Connect),
    Trial {
        duty: Duty::Sockets,
        program: "sock_create",
        act: Act::Multipath,
        expect: Expect::Refused(Mark::Socket, Errno::PROTONOSUPPORT),
    },
    refused(Duty::Sockets, "socket_create", Act::Packet, Mark::Socket),
    seen(Duty::Sockets, "security_socket_create", Act::Packet, Mark::Socket),
    seen(Duty::Sockets, "enter_socket", Act::Packet, Mark::Socket),
    held(Duty::Delegate, "unix_stream_connect", Act::ConnectService, Mark::Delegate),
    held(Duty::Delegate, "unix_may_send", Act::MessageService, Mark::Delegate),
    seen(Duty::Delegate, "security_unix_stream_connect", Act::ConnectService, Mark::Delegate),
    seen(Duty::Delegate, "enter_connect", Act::ConnectService, Mark::Delegate),
    seen(Duty::Relink, "inode_link", Act::Link, Mark::Relink),
    refused(Duty::Relink, "inode_link", Act::LinkOwn, Mark::Guard(guard::CREATE)),
    seen(Duty::Relink, "inode_rename", Act::Rename, Mark::Relink),
    refused(Duty::Relink, "inode_rename", Act::RenameOwn, Mark::Guard(guard::REMOVE)),
    seen(Duty::Relink, "security_inode_link", Act::Link, Mark::Relink),
    seen(Duty::Relink, "security_inode_rename", Act::Rename, Mark::Relink),
    refused(Duty::Inspect, "ptrace_access_check", Act::ReadMemory, Mark::Guard(guard::INSPECT)),
    seen(Duty::Inspect, "security_ptrace_access_check", Act::ReadMemory, Mark::Guard(guard::INSPECT)),
    seen(Duty::Inspect, "enter_process_vm", Act::ReadMemory, Mark::Guard(guard::INSPECT)),
    refused(Duty::Protect, "task_kill", Act::Signal, Mark::Guard(guard::SIGNAL)),
    seen(Duty::Protect, "signal_generate", Act::Signal, Mark::Guard(guard::SIGNAL)),
    refused(Duty::Protect, "bpf", Act::Bpf, Mark::Guard(guard::BPF)),
    seen(Duty::Protect, "security_bpf", Act::Bpf, Mark::Guard(guard::BPF)),
    refused(Duty::Protect, "path_truncate", Act::TruncateOwn, Mark::Guard(guard::WRITE)),
    refused(Duty::Protect, "path_chmod", Act::OpenOwnToAll, Mark::Guard(guard::WRITE)),
    refused(Duty::Protect, "inode_create", Act::CreateOwn, Mark::Guard(guard::CREATE)),
    refused(Duty::Protect, "inode_mkdir", Act::MakeOwnDirectory, Mark::Guard(guard::CREATE)),
    refused(Duty::Protect, "inode_symlink", Act::LinkOwnByName, Mark::Guard(guard::CREATE)),
    refused(Duty::Protect, "inode_rmdir", Act::RemoveOwnDirectory, Mark::Guard(guard::REMOVE)),
    refused(Duty::Protect, "inode_unlink", Act::RemoveOwn, Mark::Guard(guard::REMOVE)),
    refused(Duty::Mount, "sb_umount", Act::Unmount, Mark::Guard(guard::UNMOUNT)),
    seen(Duty::Mount, "security_sb_umount", Act::Unmount, Mark::Guard(guard::UNMOUNT)),
    refused(Duty::Mount, "move_mount", Act::MoveOver, Mark::Guard(guard::MOUNT)),
    seen(Duty::Mount, "security_move_mount", Act::MoveOver, Mark::Guard(guard::MOUNT)),
    refused(Duty::Mount, "sb_mount", Act::MountOver, Mark::Guard(guard::MOUNT)),
    seen(Duty::Mount, "security_sb_mount", Act::MountOver, Mark::Guard(guard::MOUNT)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::table::{Backend, Hook, SERVICES};

    /// Proven by `flow`; and those that refuse nothing: one notes what must stay held, one what is run later.
    const ELSEWHERE: [&str; 4] = ["egress", "ingress", "sock_release", "start_renamed"];

    #[test]
    fn every_program_that_can_refuse_has_a_trial() {
        let refuses = |backend, hook| {
            backend == Backend::Lsm && matches!(hook, Hook::Lsm(_))
                || matches!(hook, Hook::SocketAddress | Hook::SocketCreate | Hook::Egress)
        };
        for service in SERVICES {
            for offer in service.offers {
                for attachment in offer.attachments.iter().filter(|at| refuses(offer.backend, at.hook)) {
                    let program = attachment.program;
                    let tried = |trial: &Trial| {
                        trial.duty == service.duty
                            && trial.program == program
                            && !matches!(trial.expect, Expect::Seen(_))
                    };
                    assert!(TRIALS.iter().any(tried) || ELSEWHERE.contains(&program), "{program}");
                }
            }
        }
    }

    #[test]
    fn every_trial_is_of_a_program_in_the_table() {
        let attachments =
            || SERVICES.iter().flat_map(|service| service.offers).flat_map(|offer| offer.attachments);
        for trial in TRIALS {
            assert!(attachments().any(|at| at.program == trial.program), "{}", trial.program);
        }
    }
}
