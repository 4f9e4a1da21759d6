//! The acts, as the proof's child does them: each forbidden, and harmless should it succeed.
//!
//! The child is the daemon's own program again (`interlock prove`). It reads a [`Scene`] and then one [`Act`] a line from
//! its standard input, does each, and says how it ended. It ends with its parent.

use std::{
    any::Any,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::{UnixDatagram, UnixStream},
        process::parent_id,
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
    sys::uio::{RemoteIoVec, process_vm_readv},
    unistd::truncate,
};
use rustix::{
    fs::CWD,
    io::Errno,
    mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
    net::{AddressFamily, SocketType, ipproto, socket},
    process::{Pid, Signal, kill_process, set_parent_process_death_signal},
};
use serde::{Deserialize, Serialize};

/// What the child says once it is ready for acts.
pub const READY: &str = "ready";
/// What the parent has laid out in the scene's directory.
pub const SECRET: &str = "secret";
pub const OWN: &str = "own";
pub const PLAIN: &str = "plain";
pub const STREAM: &str = "interlock-proof.stream";
pub const DATAGRAM: &str = "interlock-proof.datagram";
/// Longer than the kernel's buffer for a path: a name that cannot be told counts as a secret's.
const DETOURS: usize = 300;

/// Where the acts take place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scene {
    pub directory: PathBuf,
    /// Port on loopback that the verdict table refuses.
    pub refused: u16,
    /// Port on loopback where the parent listens.
    pub open: u16,
    /// Address on loopback at whose port 53 the parent answers.
    pub names: Ipv4Addr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    Spawn,
    ReadSecret,
    WriteOwn,
    ReadEnviron,
    MissName,
    Execute,
    Connect4,
    Connect6,
    Send4,
    Send6,
    /// Connects a datagram socket to a port that is not refused.
    Approach,
    /// Connects a stream to the parent.
    Reach,
    /// Opens a stream to the parent, and keeps it.
    Dial,
    /// One byte more over it.
    Talk,
    AskName,
    Multipath,
    Packet,
    ConnectService,
    MessageService,
    Link,
    Rename,
    LinkOwn,
    RenameOwn,
    ReadMemory,
    MountOver,
    MoveOver,
    Unmount,
    Signal,
    Bpf,
    RemoveOwn,
    RemoveOwnDirectory,
    CreateOwn,
    MakeOwnDirectory,
    LinkOwnByName,
    TruncateOwn,
    OpenOwnToAll,
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It went through.
    Done,
    /// The kernel's error number.
    Failed(i32),
    /// What the act needs is not to be had here.
    Unable(String),
}

/// Why an act did not go through.
enum Trouble {
    Act(Errno),
    Ground(String),
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        Self::Act(error)
    }
}

impl From<nix::Error> for Trouble {
    fn from(error: nix::Error) -> Self {
        Self::Act(Errno::from_raw_os_error(error as i32))
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Act(Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

fn ground<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Trouble {
    move |error| Trouble::Ground(format!("{what}: {error}"))
}

/// The child's whole life: acts on its standard input, answers on its standard output.
#[must_use]
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE, // the parent is gone, or is no daemon
    }
}

fn serve() -> io::Result<()> {
    // Also while it is stopped in the middle of an act.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut lines = io::stdin().lock().lines();
    let mut output = io::stdout().lock();
    let Some(scene) = lines.next().transpose()? else { return Ok(()) };
    let mut actor =
        Actor { scene: serde_json::from_str(&scene)?, stream: None, kept: Vec::new(), moved: false };
    writeln!(output, "{READY}")?;
    for line in lines {
        let answer = match actor.perform(serde_json::from_str(&line?)?) {
            Ok(()) => Answer::Done,
            Err(Trouble::Act(error)) => Answer::Failed(error.raw_os_error()),
            Err(Trouble::Ground(reason)) => Answer::Unable(reason),
        };
        writeln!(output, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

struct Actor {
    scene: Scene,
    stream: Option<TcpStream>,
    /// Sockets that something is still to arrive at.
    kept: Vec<Box<dyn Any>>,
    /// It has a mount namespace of its own.
    moved: bool,
}

impl Actor {
    fn perform(&mut self, act: Act) -> Result<(), Trouble> {
        let Scene { directory, refused, open, names } = self.scene.clone();
        let (secret, own, plain) = (directory.join(SECRET), directory.join(OWN), directory.join(PLAIN));
        match act {
            Act::Spawn => spawn()?,
            Act::ReadSecret => drop(File::open(secret)?),
            Act::WriteOwn => drop(OpenOptions::new().write(true).open(own.join("file"))?),
            Act::ReadEnviron => drop(File::open(format!("/proc/{}/environ", parent_id()))?),
            Act::MissName => drop(File::open(format!("/{}missing", "./".repeat(DETOURS)))?),
            Act::Execute => execute(Path::new("/proc/self/exe"))?,
            Act::Connect4 => drop(TcpStream::connect((Ipv4Addr::LOCALHOST, refused))?),
            Act::Connect6 => drop(TcpStream::connect((Ipv6Addr::LOCALHOST, refused))?),
            Act::Send4 => send((Ipv4Addr::LOCALHOST, refused).into())?,
            Act::Send6 => send((Ipv6Addr::LOCALHOST, refused).into())?,
            Act::Approach => datagram((Ipv4Addr::UNSPECIFIED, 0))?.connect((Ipv4Addr::LOCALHOST, open))?,
            Act::Reach => drop(TcpStream::connect((Ipv4Addr::LOCALHOST, open))?),
            Act::Dial => self.dial(open)?,
            Act::Talk => match &mut self.stream {
                Some(stream) => stream.write_all(b"!")?,
                None => return Err(Trouble::Ground("there is no connection".into())),
            },
            Act::AskName => self.ask_name(names)?,
            Act::Multipath => {
                drop(socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::MPTCP))?);
            }
            Act::Packet => drop(socket(AddressFamily::PACKET, SocketType::RAW, None)?),
            Act::ConnectService => drop(UnixStream::connect(directory.join(STREAM))?),
            Act::MessageService => UnixDatagram::unbound()
                .map_err(ground("no datagram socket"))?
                .connect(directory.join(DATAGRAM))?,
            Act::Link => fs::hard_link(secret, directory.join("linked"))?,
            Act::Rename => fs::rename(directory.join("linked"), directory.join("renamed"))?,
            Act::LinkOwn => fs::hard_link(secret, own.join("link"))?,
            Act::RenameOwn => fs::rename(own.join("file"), own.join("moved"))?,
            Act::ReadMemory => read_memory()?,
            Act::MountOver => {
                self.leave_mounts()?;
                bind(&plain, &own)?;
            }
            Act::MoveOver => {
                self.leave_mounts()?;
                move_over(&plain, &own)?;
            }
            Act::Unmount => {
                self.leave_mounts()?;
                bind(&own, &plain).map_err(|_| Trouble::Ground("nothing could be mounted before".into()))?;
                umount(&plain)?;
            }
            // Ignored by whoever does not ask for it.
            Act::Signal => kill_process(parent()?, Signal::URG)?,
            Act::Bpf => bpf()?,
            Act::RemoveOwn => fs::remove_file(own.join("file"))?,
            Act::RemoveOwnDirectory => fs::remove_dir(own.join("directory"))?,
            Act::CreateOwn => drop(File::create_new(own.join("new"))?),
            Act::MakeOwnDirectory => fs::create_dir(own.join("made"))?,
            Act::LinkOwnByName => symlink("file", own.join("symlink"))?,
            Act::TruncateOwn => truncate(&own.join("file"), 0)?,
            Act::OpenOwnToAll => fs::set_permissions(own.join("file"), fs::Permissions::from_mode(0o644))?,
        }
        Ok(())
    }

    fn dial(&mut self, port: u16) -> Result<(), Trouble> {
        let stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(ground("no loopback network"))?;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn ask_name(&mut self, server: Ipv4Addr) -> Result<(), Trouble> {
        let socket = datagram((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((server, 53))?;
        socket.send(b"?")?;
        self.kept.push(Box::new(socket));
        Ok(())
    }

    /// Whatever is mounted from here on is nobody else's, and ends with this process.
    fn leave_mounts(&mut self) -> Result<(), Trouble> {
        if self.moved {
            return Ok(());
        }
        unshare(CloneFlags::CLONE_NEWNS).map_err(ground("no mount namespace"))?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .map_err(ground("the mounts cannot be made private"))?;
        self.moved = true;
        Ok(())
    }
}

/// A process that lives, runs a program and ends.
fn spawn() -> io::Result<()> {
    match execute(Path::new("/bin/true")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => execute(Path::new("/proc/self/exe")),
        done => done,
    }
}

fn execute(program: &Path) -> io::Result<()> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().map(drop)
}

/// One datagram, from any port.
fn send(to: SocketAddr) -> Result<(), Trouble> {
    let from = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    datagram((from, 0))?.send_to(b"!", to)?;
    Ok(())
}

/// Moves a copy of what is mounted at `what` over `over`.
fn move_over(what: &Path, over: &Path) -> Result<(), Trouble> {
    let tree =
        open_tree(CWD, what, OpenTreeFlags::OPEN_TREE_CLONE).map_err(ground("a mount cannot be copied"))?;
    move_mount(tree, "", CWD, over, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(())
}

fn datagram<A: Into<SocketAddr>>(from: A) -> Result<UdpSocket, Trouble> {
    UdpSocket::bind(from.into()).map_err(ground("no datagram socket"))
}

fn bind(what: &Path, over: &Path) -> Result<(), Trouble> {
    Ok(mount(Some(what), over, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

fn parent() -> Result<Pid, Trouble> {
    let pid = i32::try_from(parent_id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| Trouble::Ground("no parent".into()))
}

/// One byte from an address where nothing is: the access is judged before the address is looked at.
fn read_memory() -> Result<(), Trouble> {
    let mut byte = [0];
    let target = nix::unistd::Pid::from_raw(parent()?.as_raw_pid());
    process_vm_readv(target, &mut [io::IoSliceMut::new(&mut byte)], &[RemoteIoVec { base: 8, len: 1 }])?;
    Ok(())
}

/// Asks for the first loaded program.
fn bpf() -> Result<(), Trouble> {
    let Some(Err(error)) = aya::programs::loaded_programs().next() else { return Ok(()) };
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = next {
        if let Some(source) = error.downcast_ref::<io::Error>() {
            return Err(Trouble::Act(Errno::from_io_error(source).unwrap_or(Errno::IO)));
        }
        next = error.source();
    }
    Err(Trouble::Ground(error.to_string()))
}
