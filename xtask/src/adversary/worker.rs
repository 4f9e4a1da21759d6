//! Plays one program after the other, each as a session of its own, as an ordinary user. A process of its own, which whatever
//! a program leaves behind becomes a child of: so all of it can be ended.

use std::{
    fs::{self, File},
    io::{self, PipeReader, Read as _, Seek as _, Write as _},
    net::TcpStream,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::sys::wait::{WaitPidFlag, waitpid};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{MemfdFlags, memfd_create},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
    process::{Pid, Signal, kill_process, set_child_subreaper},
};
use serde::{Deserialize, Serialize};

use super::{
    act::{Act, Program, To, Way},
    home::{Home, USER},
    player::{self, Plan, outside},
    stub::TOKEN,
    timeout::scaled,
    world::{PORTS, SERVER},
};

/// Longest life of a program: its delays are shorter.
const LIFE: Duration = Duration::from_secs(10);
/// Words of one program that are kept, bytes.
const WORDS: usize = 1 << 16;
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// What a worker needs to know once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setting {
    pub interlock: PathBuf,
    /// This program, where an ordinary user can run it.
    pub player: PathBuf,
    pub socket: PathBuf,
    pub home: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The mark of what it sends.
    pub number: u32,
    pub acts: Program,
}

/// What became of a program, as far as it said itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ended {
    pub number: u32,
    /// The session's root.
    pub root: u32,
    pub words: Vec<String>,
    /// It did not end by itself.
    pub killed: bool,
}

/// One JSON line in, one out: first the setting, then jobs.
///
/// # Errors
/// A session cannot be begun, or the home not put back.
pub fn work() -> Result<()> {
    set_child_subreaper(Some(rustix::process::getpid())).context("no subreaper")?;
    let mut lines = io::stdin().lines();
    let setting = lines.next().context("no setting")?.context("no setting")?;
    let setting: Setting = serde_json::from_str(&setting).context("the setting is wrong")?;
    let mut home = Home::furnish(&setting.home)?;
    for line in lines {
        let line = line.context("a job cannot be read")?;
        let job: Job = serde_json::from_str(&line).context("a job is wrong")?;
        let ended = play(&setting, &home, job)?;
        home.put_back()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&ended)?).context("nobody listens")?;
    }
    Ok(())
}

fn play(setting: &Setting, home: &Home, job: Job) -> Result<Ended> {
    let (reader, writer) = io::pipe().context("no pipe")?;
    let errors = writer.try_clone().context("no pipe")?;
    let outside = Outside::provide(&job.acts, home)?;
    let number = job.number;
    let mut command = Command::new(&setting.interlock);
    command.arg("--socket").arg(&setting.socket).args(["run", "--quiet", "--"]);
    command.arg(&setting.player).arg(player::WORD);
    command.env_clear().env("HOME", home.root()).env("PATH", PATH);
    if job.acts.iter().any(|act| matches!(act, Act::Touch { way: Way::Known, .. })) {
        command.env(player::VARIABLE, TOKEN);
    }
    command.current_dir(home.workspace()).uid(USER).gid(USER);
    command.stdin(plan(home, job, outside.owner.as_ref())?).stdout(writer).stderr(errors);
    let root = command.spawn().context("a session cannot be started")?;
    drop(command); // and with it our ends of the pipe
    let (words, ended) = listen(reader, Instant::now() + scaled(LIFE))?;
    drop(outside);
    let killed = !ended || !reaped(Instant::now() + scaled(LIFE));
    if killed {
        end_all()?;
    }
    let words = words.lines().map(str::to_owned).collect();
    Ok(Ended { number, root: root.id(), words, killed })
}

fn plan(home: &Home, job: Job, owner: Option<&Child>) -> Result<File> {
    let plan = Plan {
        number: job.number,
        home: home.root().to_owned(),
        acts: job.acts,
        secret: home.secret(),
        outside: owner.and_then(|owner| i32::try_from(owner.id()).ok()),
        ..Plan::default()
    };
    let mut file = File::from(memfd_create("plan", MemfdFlags::CLOEXEC).context("no plan")?);
    file.write_all(&serde_json::to_vec(&plan)?).context("no plan")?;
    file.rewind().context("no plan")?;
    Ok(file)
}

/// What somebody outside opened, where the program is to get it: the descriptors that its root inherits, and what ends with it.
#[derive(Default)]
struct Outside {
    open: Vec<OwnedFd>,
    /// A process of the same user that has them.
    owner: Option<Child>,
}

impl Outside {
    fn provide(acts: &[Act], home: &Home) -> Result<Self> {
        let touches = |wanted| acts.iter().any(|act| matches!(act, Act::Touch { way, .. } if *way == wanted));
        let connects =
            |wanted| acts.iter().any(|act| matches!(act, Act::Connect { to, .. } if *to == wanted));
        let secret = || File::open(home.secret()).context("no secret");
        let connection = || TcpStream::connect((SERVER, PORTS[0])).context("nobody answers");
        let mut outside = Self::default();
        if touches(Way::Robbed) || connects(To::Robbed) {
            let _theirs = [at(&secret()?, outside::SECRET)?, at(&connection()?, outside::CONNECTION)?];
            outside.owner = Some(owner()?);
        }
        if touches(Way::Inherited) {
            outside.open.push(at(&secret()?, outside::SECRET)?);
        }
        if connects(To::Inherited) {
            outside.open.push(at(&connection()?, outside::CONNECTION)?);
        }
        if touches(Way::Sent) {
            outside.send(&secret()?, outside::SECRET_ON_ITS_WAY)?;
        }
        if connects(To::Sent) {
            outside.send(&connection()?, outside::CONNECTION_ON_ITS_WAY)?;
        }
        Ok(outside)
    }

    /// Puts it into a socket whose other end the session's root has.
    fn send(&mut self, descriptor: &impl AsFd, number: i32) -> Result<()> {
        let (from, to) = player::outside::pair().context("no sockets")?;
        player::outside::give(&from, descriptor).context("nothing can be sent")?;
        fcntl_setfd(&from, FdFlags::CLOEXEC).context("no descriptor")?;
        self.open.extend([from, at(&to, number)?]);
        Ok(())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Some(owner) = &mut self.owner {
            let _ = owner.kill(); // it has ended
            let _ = owner.wait();
        }
    }
}

/// A process that waits, and has what this one has open for children.
fn owner() -> Result<Child> {
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).uid(USER).gid(USER);
    cat.spawn().context("nobody outside")
}

/// The same under a number that children inherit.
fn at(descriptor: &impl AsFd, number: i32) -> Result<OwnedFd> {
    let given = fcntl_dupfd_cloexec(descriptor, number).context("no descriptor")?;
    fcntl_setfd(&given, FdFlags::empty()).context("no descriptor")?;
    Ok(given)
}

/// What the program says until everybody of it has ended; and whether they have.
fn listen(mut reader: PipeReader, until: Instant) -> Result<(String, bool)> {
    let (mut words, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let limit = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or_default(),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut descriptors = [PollFd::new(&reader, PollFlags::IN)];
        let is_ready = poll(&mut descriptors, Some(&limit)).context("a program cannot be heard")? > 0;
        let length =
            if is_ready { reader.read(&mut piece).context("a program cannot be heard")? } else { 0 };
        if length == 0 {
            return Ok((String::from_utf8_lossy(&words).into_owned(), is_ready));
        }
        if words.len() < WORDS {
            words.extend_from_slice(&piece[..length]);
        }
    }
}

/// Whether all children have ended by then.
fn reaped(until: Instant) -> bool {
    while Instant::now() < until {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(_) => return true,
            Ok(nix::sys::wait::WaitStatus::StillAlive) => thread::park_timeout(Duration::from_millis(1)),
            Ok(_) => {}
        }
    }
    false
}

/// Ends whatever descends from this process, again and again until there is nothing.
fn end_all() -> Result<()> {
    let until = Instant::now() + scaled(LIFE);
    while Instant::now() < until {
        let mut all = Vec::new();
        descendants(Path::new("/proc/self"), &mut all);
        for pid in all {
            let _ = kill_process(pid, Signal::KILL); // it has ended
        }
        if reaped(Instant::now() + Duration::from_millis(50)) {
            return Ok(());
        }
    }
    anyhow::bail!("a program cannot be ended")
}

fn descendants(process: &Path, found: &mut Vec<Pid>) {
    let Ok(threads) = fs::read_dir(process.join("task")) else { return };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)) {
            found.push(pid);
            descendants(&Path::new("/proc").join(pid.as_raw_pid().to_string()), found);
        }
    }
}
