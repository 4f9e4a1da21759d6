//! Services: what a session asks of programs outside of its tree, and the services that agents run themselves.

pub mod daemons;
pub mod delegate;
pub mod listeners;
