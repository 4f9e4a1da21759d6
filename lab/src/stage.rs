//! Where a client runs: a network, mounts and processes of its own, as a user of its own in a home of its own.
//!
//! [`Plan::play`] is for a process that does nothing else: it leaves the machine's network and mounts for good.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    net::Ipv4Addr,
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use interlock::drill::{certificate::Authority, namespace, resolver};
use nix::mount::{MsFlags, mount};
use serde::{Deserialize, Serialize};

use crate::{
    client::Seed,
    stub::{self, Memory, Request},
    trace,
};

/// The client's home, and where it runs.
pub const HOME: &str = "/home/lab";
pub const FOLDER: &str = "/home/lab/shop";
/// The client's user.
const USER: &str = "lab";
const ID: u32 = 62_123;
/// For what a client leaves running after its own end.
const AFTERWARDS: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// An empty directory for everything that is written.
    pub scratch: PathBuf,
    /// What lies below a person's home and is needed all the same: interpreters, installed clients.
    pub keep: Vec<PathBuf>,
    /// A tree whose `usr` lies over the system's.
    pub overlay: Option<PathBuf>,
    /// The client's own lists of authorities, which the stub's takes the place of.
    pub bundles: Vec<PathBuf>,
    pub seeds: Vec<Seed>,
    pub env: BTreeMap<String, String>,
    /// Requests that are not refused: `METHOD /PATH`, and the body of the answer.
    pub answers: BTreeMap<String, String>,
    /// A line for `sh`.
    pub run: String,
    /// Seconds.
    pub limit: u64,
}

/// What was seen of one run, the trace apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// `None` where it had to be ended.
    pub exit: Option<i32>,
    /// The end of what it printed.
    pub output: String,
    pub names: BTreeMap<String, Ipv4Addr>,
    pub requests: Vec<Request>,
}

impl Plan {
    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Where strace writes.
    #[must_use]
    pub fn trace(&self) -> PathBuf {
        self.file("trace")
    }

    /// Runs the client to its end, or to the limit.
    ///
    /// # Errors
    /// What is missing (root, `ip`, `strace`, `unshare`), or could not be written, bound or mounted.
    pub fn play(&self) -> Result<Seen> {
        self.furnish()?;
        let authority = Authority::new("Interlock laboratory, one run")?;
        let pem = authority.pem.clone();
        fs::write(self.file("authority.pem"), &pem).context("the authority cannot be written")?;
        self.enter(&pem)?;
        let memory = Arc::new(Memory::new(self.answers.clone()));
        resolver::serve(resolver::RESOLVER, &memory).context("the resolver cannot listen")?;
        stub::serve(Ipv4Addr::UNSPECIFIED, &[], authority, &memory)?;
        let exit = self.run()?;
        let output = String::from_utf8_lossy(&fs::read(self.file("output")).unwrap_or_default()).into_owned();
        let start = output.len().saturating_sub(2000);
        let output = output.get(output.ceil_char_boundary(start)..).unwrap_or_default().to_owned();
        Ok(Seen { exit, output, names: memory.names(), requests: memory.requests() })
    }

    /// The home with its files, all the client's own.
    fn furnish(&self) -> Result<()> {
        for folder in ["homes/lab/shop", "root", "tmp"] {
            let folder = self.file(folder);
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        fs::set_permissions(self.file("tmp"), fs::Permissions::from_mode(0o1777)).context("no /tmp")?;
        for (path, content) in self.seeds.iter().filter(|(path, _)| path.starts_with("~/")) {
            let file = self.file("homes/lab").join(path.trim_start_matches("~/"));
            write(&file, content)?;
        }
        own(&self.file("homes/lab"))
    }

    fn enter(&self, authority: &str) -> Result<()> {
        let files = self.file("etc");
        fs::create_dir_all(&files).context("no directory for replaced files")?;
        let passwd = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
        let group = fs::read_to_string("/etc/group").context("/etc/group cannot be read")?;
        namespace::enter(&files, authority)?;
        namespace::ip(&["route", "add", "local", stub::NETWORK, "dev", "lo"])?;
        namespace::ip(&["address", "add", "169.254.169.254/32", "dev", "lo"])?;
        namespace::lay(&files, "/etc/passwd", &format!("{USER}:x:{ID}:{ID}::{HOME}:/bin/sh\n{passwd}"))?;
        namespace::lay(&files, "/etc/group", &format!("{USER}:x:{ID}:\n{group}"))?;
        if let Some(tree) = &self.overlay {
            let layers = format!("lowerdir={}:/usr", tree.join("usr").display());
            mount(Some("overlay"), "/usr", Some("overlay"), MsFlags::MS_RDONLY, Some(layers.as_str()))
                .context("the package cannot be laid over /usr")?;
        }
        for bundle in &self.bundles {
            namespace::lay(&files, &bundle.to_string_lossy(), authority)?;
        }
        self.cover_homes()?;
        namespace::bind(&self.file("homes"), Path::new("/home"))?;
        for (path, content) in self.seeds.iter().filter(|(path, _)| path.starts_with('/')) {
            if Path::new(path).exists() {
                namespace::lay(&files, path, content)?;
            }
        }
        Ok(())
    }

    /// Hides root's home, but for what is needed of it; and `/tmp`.
    fn cover_homes(&self) -> Result<()> {
        let hidden = |path: &&PathBuf| path.starts_with("/root") || path.starts_with("/tmp");
        let kept: Vec<(PathBuf, &PathBuf)> = self
            .keep
            .iter()
            .filter(hidden)
            .enumerate()
            .map(|(n, path)| (self.file(&format!("keep-{n}")), path))
            .collect();
        for (place, path) in &kept {
            fs::create_dir_all(place).context("no place for what is kept")?;
            namespace::bind(path, place)?;
        }
        for (path, _) in [("/root", ()), ("/tmp", ())] {
            for (_, kept) in kept.iter().filter(|(_, kept)| kept.starts_with(path)) {
                let inside = kept.strip_prefix("/").unwrap_or(kept);
                fs::create_dir_all(self.scratch.join(inside)).context("no place for what is kept")?;
            }
            namespace::bind(&self.file(path.trim_start_matches('/')), Path::new(path))?;
        }
        kept.iter().try_for_each(|(place, path)| namespace::bind(place, path))
    }

    fn run(&self) -> Result<Option<i32>> {
        let log = File::create(self.file("output")).context("no file for the output")?;
        let errors = log.try_clone().context("no file for the output")?;
        let code = self.file("tmp/.lab-exit");
        // The shell is the traced program's parent, so that its end is known while others still run.
        let line = format!("( {}\n); echo $? > /tmp/.lab-exit", self.run);
        let trace = self.trace();
        let mut child = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .args([
                "strace",
                "-u",
                USER,
                "-f",
                "-y",
                "-qq",
                "--seccomp-bpf",
                "-s",
                "400",
                "-e",
                "signal=none",
                "-e",
            ])
            .arg(format!("trace={}", trace::CALLS))
            .arg("-o")
            .arg(&trace)
            .args(["sh", "-c", &line])
            .current_dir(FOLDER)
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .context("unshare cannot be started")?;
        let limit = Instant::now() + Duration::from_secs(self.limit);
        let mut ended: Option<Instant> = None;
        while child.try_wait().context("the client's end cannot be seen")?.is_none() {
            ended = ended.or_else(|| code.exists().then(Instant::now));
            if Instant::now() > limit || ended.is_some_and(|ended| ended.elapsed() > AFTERWARDS) {
                // `--kill-child` takes everything with it.
                let _ = child.kill();
                let _ = child.wait();
                break;
            }
            // Nobody wakes this thread: it looks again.
            thread::park_timeout(LOOK);
        }
        Ok(fs::read_to_string(code).ok().and_then(|text| text.trim().parse().ok()))
    }
}

fn write(file: &Path, content: &str) -> Result<()> {
    let place = || format!("{} cannot be written", file.display());
    if let Some(folder) = file.parent() {
        // Some clients refuse a login in a folder that others may read.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(place)?;
    }
    fs::write(file, content).with_context(place)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).with_context(place)
}

fn own(path: &Path) -> Result<()> {
    chown(path, Some(ID), Some(ID)).with_context(|| format!("{} cannot be given away", path.display()))?;
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))? {
            own(&entry?.path())?;
        }
    }
    Ok(())
}
