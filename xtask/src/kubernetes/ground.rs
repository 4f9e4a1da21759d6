//! What the node stands on: mounts and a network of its own, groups of its own, and the machine as it was afterwards.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, getpid, kill_process, set_child_subreaper};

use crate::process;

const INSIDE: &str = "INTERLOCK_KUBERNETES_INSIDE";
/// The node's address, and the one at which pods find the API server (the first of the services' range).
pub const NODE: &str = "10.96.1.1";
pub const SERVICES: &str = "10.96.0.0/24";
const API: &str = "10.96.0.1";
/// What the kubelet sets for the whole machine (`setupKernelTunables`, pkg/kubelet/cm/container_manager_linux.go, 1.37): it is shown
/// files of its own there.
const SYSCTLS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];
const FILE_SYSTEMS: [(&str, &str); 3] =
    [("bpf", "/sys/fs/bpf"), ("tracefs", "/sys/kernel/tracing"), ("securityfs", "/sys/kernel/security")];

/// Starts this program once more with mounts and a network of its own, and ends with it; returns in that one. Whatever ends that
/// one, nothing of the node is left: what descends from it becomes this one's, and is ended.
///
/// # Errors
/// It cannot be started.
pub fn enter() -> Result<()> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    if env::var_os(INSIDE).is_some() {
        return signals.thread_unblock().context("sigprocmask");
    }
    signals.thread_block().context("sigprocmask")?;
    set_child_subreaper(Some(getpid())).context("prctl(PR_SET_CHILD_SUBREAPER)")?;
    let group = format!("interlock-node-{}", std::process::id());
    let program = env::current_exe().context("the path of this program")?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--net", "--propagation", "private", "--"])
        .arg(program)
        .args(env::args_os().skip(1));
    let mut inside = command.env(INSIDE, &group).spawn().context("unshare cannot be started")?;
    let pid = Pid::from_child(&inside);
    thread::spawn(move || {
        while signals.wait().is_ok() {
            let _ = kill_process(pid, rustix::process::Signal::KILL); // it has ended
        }
    });
    let status = inside.wait().context("the inner half was lost")?;
    end_descendants();
    for hierarchy in hierarchies()? {
        remove_group(&hierarchy.join(&group));
    }
    std::process::exit(status.code().unwrap_or(1));
}

pub struct Ground {
    /// Below each hierarchy of control groups.
    group: String,
}

impl Ground {
    /// # Errors
    /// A mount, an address or a group cannot be made.
    pub fn lay() -> Result<Self> {
        let group = env::var(INSIDE).context("not inside")?;
        let ground = Self { group };
        mounts()?;
        network()?;
        ground.groups()?;
        Ok(ground)
    }

    /// As `--cgroup-root` wants it.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The process that containers' watchers become children of, as everything that is left behind.
    pub fn ancestor() -> Option<u32> {
        rustix::process::getppid()?.as_raw_nonzero().get().try_into().ok()
    }

    /// The kubelet makes no group for its root, and version 1 starts nobody in a cpuset without processors.
    fn groups(&self) -> Result<()> {
        for hierarchy in hierarchies()? {
            let group = hierarchy.join(&self.group);
            fs::create_dir_all(&group).with_context(|| format!("{} cannot be made", group.display()))?;
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if group.join(file).is_file() && hierarchy.join("tasks").is_file() {
                    fs::write(group.join(file), fs::read(hierarchy.join(file))?)?;
                }
            }
        }
        Ok(())
    }
}

/// Mount points of control groups: of version 1 each, and of version 2.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = fields.filter(|fields| matches!(fields.get(2), Some(&("cgroup" | "cgroup2"))));
    let mut found: Vec<_> = found.map(|fields| PathBuf::from(fields[1])).collect();
    found.retain(|mount| mount.starts_with("/sys/fs/cgroup"));
    Ok(found)
}

/// Where version 2 is mounted.
///
/// # Errors
/// It is not.
pub fn unified() -> Result<PathBuf> {
    let found = hierarchies()?.into_iter().find(|mount| mount.join("cgroup.controllers").is_file());
    found.context("no cgroup v2 hierarchy is mounted")
}

/// The groups of a pod, one a hierarchy.
///
/// # Errors
/// The mounts cannot be read.
pub fn groups_of(pod: &str) -> Result<Vec<PathBuf>> {
    let (mut open, mut found) = (hierarchies()?, Vec::new());
    while let Some(group) = open.pop() {
        let below = fs::read_dir(&group).into_iter().flatten().flatten().map(|entry| entry.path());
        open.extend(below.filter(|path| path.is_dir()));
        if group.to_string_lossy().ends_with(&format!("pod{pod}")) {
            found.push(group);
        }
    }
    Ok(found)
}

/// All of it is gone with the last process of the namespace.
fn mounts() -> Result<()> {
    let mount = |words: &[&str]| process::answer(Command::new("mount").args(words));
    for place in ["/run", "/var/log"] {
        mount(&["-t", "tmpfs", "tmpfs", place])?;
    }
    let there = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
    for (kind, place) in FILE_SYSTEMS {
        if !there.contains(&format!(" {place} {kind} ")) {
            mount(&["-t", kind, kind, place])?;
        }
    }
    // What pods are shown of the node comes and goes with the node's mounts.
    mount(&["--make-rshared", "/"])?;
    for place in ["netns", "lock", "sysctl"] {
        fs::create_dir_all(Path::new("/run").join(place))?;
    }
    for name in SYSCTLS {
        let (file, own) = (format!("/proc/sys/{name}"), format!("/run/sysctl/{}", name.replace('/', ".")));
        fs::write(&own, fs::read(&file).with_context(|| file.clone())?)?;
        mount(&["--bind", &own, &file])?;
    }
    Ok(())
}

fn network() -> Result<()> {
    let ip = |words: &str| process::answer(Command::new("ip").args(words.split(' ')));
    ip("link set lo up")?;
    ip(&format!("address add {API}/32 dev lo"))?;
    ip("link add node0 type bridge")?;
    ip(&format!("address add {NODE}/24 dev node0"))?;
    ip("link set node0 up")?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    Ok(())
}

/// Ends every process that descends from this one: what it started, and what was left behind by those.
fn end_descendants() {
    for _ in 0..100 {
        let children = children(getpid());
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill_process(child, rustix::process::Signal::KILL); // it has ended
        }
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        thread::park_timeout(Duration::from_millis(20));
    }
    eprintln!("processes of the node are left");
}

fn children(of: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // proc(5): the name may have spaces and parentheses, so the parent is the second word after the last one.
    let parent = |pid: &i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    pids.filter(|pid| parent(pid) == Some(of.as_raw_nonzero().get())).filter_map(Pid::from_raw).collect()
}

/// A group is removed like a directory, after those below it. One that somebody stands in stays.
fn remove_group(group: &Path) {
    for below in fs::read_dir(group).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&below.path());
        }
    }
    let _ = fs::remove_dir(group); // not there in every hierarchy
}

/// # Errors
/// Somebody else than root, or a machine without what it takes.
pub fn check() -> Result<()> {
    if !process::is_root() {
        bail!("a node takes root");
    }
    unified().map(drop)
}
