//! Where a session runs: what of the machine it sees, and the terminal that it began at.

use super::{origin::Origin, seat::Controlling, survey::Namespace};
use crate::probes::inode::Mounts;

/// What the machine shows of one session, apart from what the session does.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The mount namespace that it was first looked at in.
    pub namespace: Option<Namespace>,
    /// Its mounts when it began.
    pub origin: Origin,
    /// Its mounts when they were looked at last.
    pub mounts: Mounts,
    /// The controlling terminal that its root had when it began.
    pub seat: Option<Controlling>,
}
