//! What can go wrong between the daemon and the kernel, each with what to do about it.

use std::{io, path::PathBuf};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ProbeError {
    #[error(
        "cannot read the kernel's type information at {path}: it was built without CONFIG_DEBUG_INFO_BTF, or /sys is not mounted"
    )]
    NoBtf { path: PathBuf, source: io::Error },
    #[error("the kernel's type information at {path} cannot be understood ({reason})")]
    BadBtf { path: PathBuf, reason: &'static str },
    #[error("cannot use the kernel's type information")]
    KernelTypes(#[source] Box<aya::BtfError>),
    #[error("this kernel's structures lack {}: Interlock needs to learn this kernel version", .fields.join(", "))]
    MissingFields { fields: Vec<String> },
    #[error("cannot mount {what} at {path}: mount it by hand, or start the daemon with CAP_SYS_ADMIN")]
    Mount { what: &'static str, path: PathBuf, source: nix::Error },
    #[error(
        "{path} is not a cgroup v2 mount: mount one (mount -t cgroup2 none DIR) or set `cgroup` in the configuration"
    )]
    NoCgroup { path: PathBuf },
    #[error("cannot open the cgroup {path}")]
    Cgroup { path: PathBuf, source: io::Error },
    #[error("cannot prepare the pin directory {path}: it must be below a bpffs mount such as /sys/fs/bpf")]
    PinDirectory { path: PathBuf, source: io::Error },
    #[error(
        "{path} {reason}, so others than root would decide what is pinned and removed there: make it root's alone \
         (chown root, chmod go-w), remove it, or set `pins` to another place"
    )]
    PinsNotOurs { path: PathBuf, reason: String },
    #[error(
        "{path} lies in no BPF file system, and nothing can be pinned there; set `pins` to a directory below \
         /sys/fs/bpf, or to \"none\", with which nothing stays in force without the daemon"
    )]
    PinsNotBpf { path: PathBuf },
    #[error(
        "the kernel refused the probes: loading needs root, or CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN"
    )]
    NotPermitted,
    #[error(
        "the kernel's process ids are not this process's ({reason}): run the daemon in the machine's own pid namespace \
         (containers: --pid=host)"
    )]
    OtherPids { reason: String },
    #[error("cannot load the kernel programs")]
    Load(#[source] Box<aya::EbpfError>),
    #[error("cannot load the kernel program {program}")]
    Program { program: &'static str, source: Box<aya::programs::ProgramError> },
    #[error("this kernel has no function {function}")]
    NoFunction { function: &'static str },
    #[error("cannot attach the kernel program {program} to {hook}")]
    Attach { program: &'static str, hook: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("bpf is not in the active LSM list: the programs attach, and never run")]
    NotInForce,
    #[error("whether the LSM backend is in force cannot be tried ({reason})")]
    Unproven { reason: String },
    #[error("cannot pin the link of {program}")]
    Pin { program: String, reason: String },
    #[error("the built kernel object lacks {name}: rebuild it with `cargo xtask ebpf`")]
    Object { name: &'static str },
    #[error("cannot use the kernel map {name}")]
    Map { name: &'static str, source: Box<aya::maps::MapError> },
}
