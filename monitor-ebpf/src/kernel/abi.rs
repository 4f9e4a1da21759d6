//! Numbers of the kernel's interface to programs, by their names there.

/// include/uapi/linux/stat.h
pub const S_IFMT: u16 = 0o170_000;
pub const S_IFSOCK: u16 = 0o140_000;
pub const S_IFREG: u16 = 0o100_000;
pub const S_IFDIR: u16 = 0o040_000;
pub const S_IFIFO: u16 = 0o010_000;

/// include/linux/socket.h
pub const AF_UNIX: u16 = 1;
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
pub const AF_PACKET: u16 = 17;
pub const AF_XDP: u16 = 44;

/// include/linux/net.h
pub const SOCK_RAW: u16 = 3;

/// include/uapi/linux/in.h
pub const IPPROTO_TCP: u16 = 6;
pub const IPPROTO_UDP: u16 = 17;
pub const IPPROTO_DCCP: u16 = 33;
pub const IPPROTO_SCTP: u16 = 132;
pub const IPPROTO_MPTCP: u16 = 262;

/// What a cgroup program answers (kernel/bpf/cgroup.c).
pub const ALLOW: i32 = 1;
pub const REFUSE: i32 = 0;
