//! Connections that a process had before its label.

use interlock_host::enforcement::flow::Connection;

/// The connections that a process had before its label.
#[derive(Clone, Debug, Default)]
pub struct Had {
    pub pid: u32,
    pub own: Vec<Connection>,
    /// Others had them too when it was looked.
    pub shared: Vec<Shared>,
}

/// A connection, and who else had it.
#[derive(Clone, Debug)]
pub struct Shared {
    pub connection: Connection,
    pub holders: Vec<u32>,
}
