//! Where a session's person sits.

use interlock_host::proc::seat::Controlling;

#[derive(Clone, Debug)]
pub struct Place {
    pub terminal: Controlling,
    /// Members that may have it, the root first.
    pub pids: Vec<u32>,
}
