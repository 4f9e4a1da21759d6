//! Control: the API over the daemon's Unix socket.

pub mod api;
pub mod client;
pub mod command;
pub mod factors;
pub mod live;
#[cfg(test)]
pub(crate) mod openapi;
pub mod peer;
mod places;
pub mod server;
pub mod socket;
mod stream;
pub mod suspensions;
mod writers;

#[cfg(test)]
mod tests;
