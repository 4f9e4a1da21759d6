//! The interpreter of acts: what a session runs. It reads its plan from standard input and says on standard output how far it
//! got: `begun`, `touched`, `sent`, `answered`, and `failed ACT: WHY` for an act that the kernel did not permit.

mod connection;
mod descriptors;
mod lineage;
pub mod outside;
mod plan;
mod request;
mod secret;
mod waiting;

use std::{
    io::{self, Read as _, Write as _},
    thread,
};

use anyhow::{Context, Result};

pub use self::{plan::Plan, secret::VARIABLE};
use self::{plan::Player, waiting::pause};
use super::act::Act;

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

impl Player {
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
