//! Offsets of kernel structure fields, bytes, resolved from the running kernel's BTF at start-up.
//!
//! Rust emits no CO-RE relocations, so the daemon reads `/sys/kernel/btf/vmlinux` and hands the offsets over as a
//! read-only global: the verifier then sees known constants.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::pod;

macro_rules! offsets {
    ($($(#[$doc:meta])* $field:ident = $structure:literal . $member:literal),+ $(,)?) => {
        /// One offset per field the kernel programs read.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub struct Offsets { $($(#[$doc])* pub $field: u32),+ }

        /// `(structure, member)` of each offset, in the order of the fields of [`Offsets`].
        pub const FIELDS: &[(&str, &str)] = &[$(($structure, $member)),+];
        const _: () = assert!(size_of::<Offsets>() == FIELDS.len() * 4);
    };
}

offsets! {
    task_pid = "task_struct"."pid",
    task_tgid = "task_struct"."tgid",
    task_group_leader = "task_struct"."group_leader",
    task_start_boottime = "task_struct"."start_boottime",
    task_signal = "task_struct"."signal",
    task_files = "task_struct"."files",
    task_mm = "task_struct"."mm",
    task_flags = "task_struct"."flags",
    signal_live = "signal_struct"."live",
    sk_buff_head = "sk_buff"."head",
    sk_buff_end = "sk_buff"."end",
    skb_shared_flags = "skb_shared_info"."flags",
    sock_family = "sock_common"."skc_family",
    sock_local_port = "sock_common"."skc_num",
    sock_port = "sock_common"."skc_dport",
    sock_address4 = "sock_common"."skc_daddr",
    sock_address6 = "sock_common"."skc_v6_daddr",
    sock_cookie = "sock_common"."skc_cookie",
    sock_own4 = "sock_common"."skc_rcv_saddr",
    sock_own6 = "sock_common"."skc_v6_rcv_saddr",
    sock_device = "sock_common"."skc_bound_dev_if",
    sock_protocol = "sock"."sk_protocol",
    sock_type = "sock"."sk_type",
    sock_peer_pid = "sock"."sk_peer_pid",
    pid_numbers = "pid"."numbers",
    files_fdt = "files_struct"."fdt",
    fdtable_fd = "fdtable"."fd",
    filename_name = "filename"."name",
    file_inode = "file"."f_inode",
    file_mode = "file"."f_mode",
    file_flags = "file"."f_flags",
    file_private_data = "file"."private_data",
    file_path = "file"."f_path",
    path_dentry = "path"."dentry",
    dentry_parent = "dentry"."d_parent",
    dentry_inode = "dentry"."d_inode",
    dentry_name = "dentry"."d_name",
    qstr_name = "qstr"."name",
    inode_ino = "inode"."i_ino",
    inode_generation = "inode"."i_generation",
    inode_mode = "inode"."i_mode",
    inode_sb = "inode"."i_sb",
    sb_dev = "super_block"."s_dev",
    sb_magic = "super_block"."s_magic",
    mm_arg_start = "mm_struct"."arg_start",
    mm_arg_end = "mm_struct"."arg_end",
    mm_env_start = "mm_struct"."env_start",
    mm_env_end = "mm_struct"."env_end",
    binprm_file = "linux_binprm"."file",
    binprm_filename = "linux_binprm"."filename",
    unix_sock_addr = "unix_sock"."addr",
    unix_address_name = "unix_address"."name",
    socket_sk = "socket"."sk",
    socket_state = "socket"."state",
    socket_type = "socket"."type",
    vfsmount_root = "vfsmount"."mnt_root",
    io_kiocb_opcode = "io_kiocb"."opcode",
    io_kiocb_flags = "io_kiocb"."flags",
    io_kiocb_cqe = "io_kiocb"."cqe",
    io_cqe_fd = "io_cqe"."fd",
    binprm_execfd = "linux_binprm"."execfd",
    overlay_inode_vfs = "ovl_inode"."vfs_inode",
    overlay_inode_upper = "ovl_inode"."__upperdentry",
    /// From v6.5 on.
    overlay_inode_entry = "ovl_inode"."oe",
    overlay_entry_count = "ovl_entry"."__numlower",
    overlay_entry_stack = "ovl_entry"."__lowerstack",
    /// Up to v6.4.
    overlay_inode_lower = "ovl_inode"."lowerpath",
    btrfs_inode_vfs = "btrfs_inode"."vfs_inode",
    btrfs_inode_root = "btrfs_inode"."root",
    btrfs_root_dev = "btrfs_root"."anon_dev",
}

/// Structures that a kernel may be built without. Their offset is [`ABSENT`] there, and every read at it fails.
pub const OPTIONAL: &[&str] = &[
    "ovl_inode",
    "ovl_entry",
    "sock_common",
    "unix_sock",
    "unix_address",
    "io_kiocb",
    "io_cqe",
    "btrfs_inode",
    "btrfs_root",
];

/// No kernel structure is that large; added to a kernel address it leads out of the kernel's half.
pub const ABSENT: u32 = u32::MAX;

pod!(Offsets);
