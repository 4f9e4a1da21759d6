//! What can be configured, and what applies where nothing is.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    approvers::Approvers, desktop::Desktop, factor_policy::FactorPolicy, kubernetes::Kubernetes, longest,
    notify::Target, on_full::OnFull, roles::Roles, shared_terminal::SharedTerminal, terminal::Terminal,
    unattended::Unattended,
};
use interlock_core::{breaker::risk, facts::Mode};

/// Read when no `--config` names another one, and only if it exists.
pub const FILE: &str = "/etc/interlock/config.toml";
/// Rules directory that is used only if it exists; else the built-in rules apply.
pub const RULES: &str = "/etc/interlock/rules.d";
pub const SOCKET: &str = "/run/interlock/control.sock";
pub const STATE: &str = "/var/lib/interlock";
pub const PINS: &str = "/sys/fs/bpf/interlock";
/// TCP port of the metrics, on loopback.
pub const METRICS_PORT: u16 = 9464;
/// Most sessions of one user that is not root: a quarter of what the kernel has room for.
pub const SESSIONS_PER_USER: usize = 1024;

/// The daemon's configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Files it was read from, in their order; none where the defaults apply.
    pub files: Vec<PathBuf>,
    /// The directory of further files, where there is one.
    pub drop_ins: Option<PathBuf>,
    /// The control socket.
    pub socket: PathBuf,
    /// Directory of the ledger and of what has to outlive the daemon.
    pub state: PathBuf,
    /// Rules directory; `None`, and `rules = "builtin"`: the built-in rules.
    pub rules: Option<PathBuf>,
    /// The built-in rules apply even where [`RULES`] exists.
    pub builtin_rules: bool,
    /// Directory that replaces the built-in catalogue; `None`: the built-in one.
    pub catalog: Option<PathBuf>,
    /// Directory in the BPF file system; `None`: nothing is pinned, everything detaches at exit.
    pub pins: Option<PathBuf>,
    /// Address of `/metrics` and `/healthz`; `None`: off.
    pub metrics: Option<SocketAddr>,
    pub mode: Mode,
    /// What happens where the ledger cannot be written.
    pub on_full: OnFull,
    /// Who may decide holds and thaw sessions.
    pub approvers: Approvers,
    /// Who may see, decide and administer beside owners.
    pub roles: Roles,
    /// Whether what lets something go on may be decided from a terminal that a session has, too.
    pub shared_terminal: SharedTerminal,
    /// Whether a click in a notification of the desktop approves.
    pub desktop: Desktop,
    /// How the person is told on the terminal that a session was started at.
    pub terminal: Terminal,
    /// When a decision takes a factor.
    pub factor: FactorPolicy,
    /// The longest that root may break the glass.
    pub break_glass_most: Duration,
    /// The longest that persons may pause their own sessions; `None`: not at all.
    pub pause: Option<Duration>,
    /// Points of risk, decaying, that trip a session's breaker.
    pub risk_budget: u32,
    /// Most sessions of one user that is not root; further agents of theirs run unwatched, which is reported.
    pub sessions_per_user: usize,
    /// For which sessions nobody is there to answer.
    pub unattended: Unattended,
    /// Only agents that descend from this process are watched; `None`: those of the whole machine. For trials and tests
    /// beside a daemon that is in charge.
    pub watch_below: Option<u32>,
    /// Configured cgroup v2 mount point; see [`Config::cgroup_mount`].
    pub cgroup: Option<PathBuf>,
    /// Resolvers that are trusted besides those of `/etc/resolv.conf`.
    pub resolvers: Vec<IpAddr>,
    /// The package managers that are installed are run, as `nobody`, to learn their default registries.
    pub asks_package_managers: bool,
    /// Filter of the daemon's own log, in `tracing`'s syntax: `info,interlock::rules=debug`.
    pub log: String,
    /// The cluster that this node belongs to.
    pub kubernetes: Kubernetes,
    /// Whom the notifier tells.
    pub notify: Vec<Target>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            drop_ins: None,
            socket: SOCKET.into(),
            state: STATE.into(),
            rules: None,
            builtin_rules: false,
            catalog: None,
            pins: Some(PINS.into()),
            metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, METRICS_PORT))),
            mode: Mode::Enforce,
            on_full: OnFull::default(),
            approvers: Approvers::Owner,
            roles: Roles::default(),
            shared_terminal: SharedTerminal::default(),
            desktop: Desktop::default(),
            terminal: Terminal::default(),
            factor: FactorPolicy::default(),
            break_glass_most: longest::BREAK_GLASS,
            pause: None,
            risk_budget: risk::BUDGET,
            sessions_per_user: SESSIONS_PER_USER,
            unattended: Unattended::default(),
            watch_below: None,
            cgroup: None,
            resolvers: Vec::new(),
            asks_package_managers: true,
            log: "info".into(),
            kubernetes: Kubernetes::default(),
            notify: Vec::new(),
        }
    }
}

impl Config {
    /// Files and directories of Interlock's own.
    #[must_use]
    pub fn own_paths(&self) -> Vec<PathBuf> {
        let optional = [&self.drop_ins, &self.rules, &self.catalog, &self.pins];
        let set = optional.into_iter().flatten().chain([&self.state, &self.socket]);
        self.files.iter().chain(set).cloned().collect()
    }

    /// Mount point of the cgroup v2 hierarchy: the configured one, else the first of `/proc/self/mountinfo`.
    ///
    /// # Errors
    /// When mountinfo cannot be read, or no cgroup v2 hierarchy is mounted.
    pub fn cgroup_mount(&self) -> io::Result<PathBuf> {
        if let Some(configured) = &self.cgroup {
            return Ok(configured.clone());
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        interlock_host::mountinfo::cgroup2(&mounts).map(|(mount, _)| mount).ok_or_else(|| {
            let text = "no cgroup v2 hierarchy is mounted; mount one, or name it with the key cgroup";
            io::Error::new(io::ErrorKind::NotFound, text)
        })
    }
}
