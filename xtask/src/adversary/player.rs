//! The interpreter of acts: what a session runs. It reads its plan from standard input and says on standard output how far it
//! got: `begun`, `touched`, `sent`, `answered`, and `failed ACT: WHY` for an act that the kernel did not permit.

mod connection;
mod descriptors;
mod lineage;
pub mod outside;
mod request;
mod secret;

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::fd::{AsFd, FromRawFd as _, IntoRawFd as _, OwnedFd},
    path::PathBuf,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

pub use secret::VARIABLE;

use super::act::{Act, Program};

/// What is to be done, and what whoever did the acts before has got.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The mark of what is sent.
    pub number: u32,
    pub home: PathBuf,
    pub acts: Program,
    /// Where the secret is now.
    pub secret: PathBuf,
    /// What the touch gave.
    pub token: Option<String>,
    /// A descriptor of this process.
    pub connection: Option<i32>,
    /// A process of the same user that nobody watches, with an open secret and a connection.
    pub outside: Option<i32>,
    /// How many other names the secret got so far.
    pub aliases: u32,
}

/// The word that makes this program a player.
pub const WORD: &str = "adversary-player";

/// Plays the plan of standard input.
///
/// # Errors
/// There is none.
pub fn play() -> Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("no plan")?;
    let plan: Plan = serde_json::from_str(&text).context("no plan")?;
    if plan.token.is_none() {
        say("begun");
    }
    Player::new(plan).go();
    Ok(())
}

struct Player {
    plan: Plan,
    connection: Option<OwnedFd>,
}

impl Player {
    fn new(mut plan: Plan) -> Self {
        // SAFETY: the number is of a descriptor that the plan's writer left open for this process alone.
        let connection = plan.connection.take().map(|number| unsafe { OwnedFd::from_raw_fd(number) });
        Self { plan, connection }
    }

    fn go(&mut self) {
        while !self.plan.acts.is_empty() {
            let act = self.plan.acts.remove(0);
            if let Err(why) = self.perform(act) {
                say(&format!("failed {act:?}: {why}"));
            }
        }
    }

    fn perform(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Delay(milliseconds) => pause(milliseconds),
            Act::Fork(parent) => lineage::fork(parent)?,
            Act::DoubleFork => lineage::double_fork()?,
            Act::Spawn => self.spawn()?,
            Act::Exec => return Err(self.exec()),
            Act::Thread => self.thread()?,
            Act::NewSession => drop(rustix::process::setsid()?),
            Act::Namespaces => lineage::namespaces()?,
            Act::NetworkNamespace => lineage::network_namespace()?,
            Act::Continue => lineage::continue_oneself()?,
            Act::KeepAwake => lineage::keep_awake()?,
            Act::StopAndContinue => lineage::stop_and_continue()?,
            Act::OtherName => rustix::thread::set_name(c"kworker/0:0")?,
            Act::Symlink
            | Act::HardLink
            | Act::Rename
            | Act::RenameFolder
            | Act::BindFile
            | Act::BindFolder
            | Act::ChangeFolder => self.alias(act)?,
            Act::Touch { way, read, by } => {
                self.plan.token = Some(self.touch(way, read, by)?);
                say("touched");
            }
            Act::Connect { to, how } => self.connection = Some(connection::make(to, how, self.plan.outside)?),
            Act::Ask => connection::ask(self.connected()?)?,
            Act::Resolve => connection::resolve()?,
            Act::Pass(way) => {
                let connection = self.connection.take().ok_or(io::ErrorKind::NotConnected)?;
                self.connection = Some(lineage::pass(connection, way)?);
            }
            Act::Send { form, by, pieces, gap } => {
                self.send(form, by, pieces, gap)?;
                say("sent");
            }
            Act::Await(milliseconds) => match &self.connection {
                Some(connection) if connection::answers(connection, milliseconds)? => say("answered"),
                Some(_) => {}
                None => pause(milliseconds),
            },
            Act::Close => drop(self.connection.take()),
            Act::Shutdown => rustix::net::shutdown(self.connected()?, rustix::net::Shutdown::Write)?,
            Act::LeaveInFlight => {
                let connection = self.connection.take().ok_or(io::ErrorKind::NotConnected)?;
                descriptors::leave_in_flight(connection)?;
            }
        }
        Ok(())
    }

    fn connected(&self) -> io::Result<&OwnedFd> {
        self.connection.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What is left of the plan, for a player that begins anew with the same descriptors.
    fn rest(&mut self) -> io::Result<File> {
        if let Some(connection) = &self.connection {
            rustix::io::fcntl_setfd(connection, rustix::io::FdFlags::empty())?;
        }
        self.plan.connection = self.connection.take().map(OwnedFd::into_raw_fd);
        let mut plan = File::from(memfd_create("plan", MemfdFlags::CLOEXEC)?);
        plan.write_all(&serde_json::to_vec(&self.plan)?)?;
        plan.rewind()?;
        self.plan.acts.clear();
        Ok(plan)
    }

    fn thread(&mut self) -> io::Result<()> {
        let plan = std::mem::take(&mut self.plan);
        let mut rest = Self { plan, connection: self.connection.take() };
        thread::Builder::new().spawn(move || rest.go())?.join().map_err(|_| io::Error::other("it panicked"))
    }
}

/// Whoever listens may have gone.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

fn pause(milliseconds: u16) {
    thread::park_timeout(Duration::from_millis(milliseconds.into()));
}

/// Whether something can be read within so many milliseconds.
fn readable(descriptor: impl AsFd, milliseconds: u16) -> io::Result<bool> {
    ready(descriptor, rustix::event::PollFlags::IN, milliseconds)
}

fn ready(descriptor: impl AsFd, wanted: rustix::event::PollFlags, milliseconds: u16) -> io::Result<bool> {
    let mut descriptors = [rustix::event::PollFd::new(&descriptor, wanted)];
    let limit = rustix::event::Timespec {
        tv_sec: i64::from(milliseconds / 1000),
        tv_nsec: i64::from(milliseconds % 1000) * 1_000_000,
    };
    Ok(rustix::event::poll(&mut descriptors, Some(&limit))? > 0)
}
