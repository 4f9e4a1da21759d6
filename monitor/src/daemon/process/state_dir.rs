//! The state directory, and the lock in it.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
};

use nix::fcntl::{Flock, FlockArg};
use rustix::io::Errno;

use crate::{config::Config, daemon::process::error::StartError};

/// One daemon per state directory: two would tell each other's story. Nobody else gets in: what is there names files and
/// command lines of every user, and who can open the lock can take it.
pub fn lock(config: &Config) -> Result<Flock<fs::File>, StartError> {
    let failed = |source| StartError::State { path: config.state.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.state).map_err(failed)?;
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(config.state.join("lock"))
        .map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| {
        if error as i32 == Errno::WOULDBLOCK.raw_os_error() {
            StartError::StateInUse { path: config.state.clone() }
        } else {
            failed(error.into())
        }
    })
}
