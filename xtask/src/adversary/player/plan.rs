//! What a player is to do, and what it has of it.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    os::fd::{FromRawFd as _, IntoRawFd as _, OwnedFd},
    path::PathBuf,
};

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use crate::adversary::act::Program;

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

/// Who carries the plan out.
pub struct Player {
    pub plan: Plan,
    /// What it talks through.
    pub connection: Option<OwnedFd>,
}

impl Player {
    pub fn new(mut plan: Plan) -> Self {
        // SAFETY: the number is of a descriptor that the plan's writer left open for this process alone.
        let connection = plan.connection.take().map(|number| unsafe { OwnedFd::from_raw_fd(number) });
        Self { plan, connection }
    }

    /// What it talks through, where there is something.
    pub fn connected(&self) -> io::Result<&OwnedFd> {
        self.connection.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What is left of the plan, for a player that begins anew with the same descriptors.
    pub fn rest(&mut self) -> io::Result<File> {
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
}
