//! Control: the API over the daemon's Unix socket.

pub mod api;
pub mod command;
