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
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use serde::{Deserialize, Serialize};

use crate::{
    agents::model::{Exchange, Script},
    client::Seed,
    stub::{self, Arrived, Memory, Request},
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
    /// The client's own lists of authorities, which the stub's is added to.
    pub bundles: Vec<PathBuf>,
    pub seeds: Vec<Seed>,
    pub env: BTreeMap<String, String>,
    /// Requests that are not refused: `METHOD /PATH`, and the body of the answer.
    pub answers: BTreeMap<String, String>,
    /// A line for `sh`.
    pub run: String,
    /// Seconds.
    pub limit: u64,
    /// `(what is installed, where a person has it)`, in the home.
    pub installed: Vec<(PathBuf, PathBuf)>,
    /// The client is a coding agent: the stub plays its model, and nothing traces it, which would change how it is started.
    pub script: Option<Script>,
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
    /// What the model was asked, and how it answered.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
    #[serde(default)]
    pub arrived: Vec<Arrived>,
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
        let memory = Arc::new(Memory::new(self.answers.clone(), self.script.clone()));
        resolver::serve(resolver::RESOLVER, &memory).context("the resolver cannot listen")?;
        stub::serve(Ipv4Addr::UNSPECIFIED, &[], authority, &memory)?;
        let exit = self.run()?;
        let output = String::from_utf8_lossy(&fs::read(self.file("output")).unwrap_or_default()).into_owned();
        let start = output.len().saturating_sub(2000);
        let output = output.get(output.ceil_char_boundary(start)..).unwrap_or_default().to_owned();
        Ok(Seen {
            exit,
            output,
            names: memory.names(),
            requests: memory.requests(),
            exchanges: memory.exchanges(),
            arrived: memory.arrived(),
        })
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
        for (_, place) in &self.installed {
            let inside = place.strip_prefix("/home").unwrap_or(place);
            let folder = self.file("homes").join(inside);
            fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        own(&self.file("homes/lab"))
    }

    fn enter(&self, authority: &str) -> Result<()> {
        let files = self.file("etc");
        fs::create_dir_all(&files).context("no directory for replaced files")?;
        let passwd = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
        let group = fs::read_to_string("/etc/group").context("/etc/group cannot be read")?;
        self.complete_etc()?;
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
        self.cover_homes()?;
        namespace::bind(&self.file("homes"), Path::new("/home"))?;
        self.installed.iter().try_for_each(|(from, place)| namespace::bind(from, place))?;
        for bundle in &self.bundles {
            // What came with the client stays: some look whether it is all there.
            let own = fs::read_to_string(bundle).unwrap_or_default();
            namespace::lay(&files, &bundle.to_string_lossy(), &format!("{authority}\n{own}"))?;
        }
        for (path, content) in self.seeds.iter().filter(|(path, _)| path.starts_with('/')) {
            if Path::new(path).exists() {
                namespace::lay(&files, path, content)?;
            }
        }
        Ok(())
    }

    /// Makes places below `/etc` that the machine lacks: the package's own files, and empty ones for the client's.
    fn complete_etc(&self) -> Result<()> {
        let places = self.file("places");
        fs::create_dir_all(&places).context("no directory for places below /etc")?;
        for path in self.seeds.iter().filter_map(|(path, _)| path.strip_prefix("/etc/")) {
            let place = places.join(path);
            if let Some(folder) = place.parent().filter(|_| !Path::new("/etc").join(path).exists()) {
                fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
                fs::write(&place, "").with_context(|| format!("{} cannot be written", place.display()))?;
            }
        }
        let of_package = self.overlay.as_ref().map(|tree| tree.join("etc")).filter(|etc| etc.is_dir());
        let layers: Vec<String> = [Some(places), of_package, Some(PathBuf::from("/etc"))]
            .into_iter()
            .flatten()
            .map(|layer| layer.display().to_string())
            .collect();
        unshare(CloneFlags::CLONE_NEWNS).context("no mount namespace")?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .context("the mounts cannot be made private")?;
        let layers = format!("lowerdir={}", layers.join(":"));
        mount(Some("overlay"), "/etc", Some("overlay"), MsFlags::MS_RDONLY, Some(layers.as_str()))
            .context("places cannot be laid over /etc")
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
        let mut child = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(self.as_user())
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

impl Plan {
    /// What starts the client as its user; strace does so as well as it traces.
    fn as_user(&self) -> Vec<String> {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        if self.script.is_some() {
            let line = format!("setpriv --reuid={ID} --regid={ID} --clear-groups -- \"$@\"; exit $?");
            // Root's shell stays: who becomes another user no longer ends with `unshare`.
            return ["sh", "-c", &line, "sh"].map(str::to_owned).into();
        }
        let mut strace = words(&format!("strace -u {USER} -f -y -qq --seccomp-bpf -s 400 -e signal=none -e"));
        strace.push(format!("trace={}", trace::CALLS));
        strace.extend(["-o".to_owned(), self.trace().to_string_lossy().into_owned()]);
        strace
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
