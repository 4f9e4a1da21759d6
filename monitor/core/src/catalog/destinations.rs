//! Endpoints: from a host name, or an address and a port, to a class and a provider.

mod destructive;
mod lookup;
mod read;
mod services;

pub use self::{
    destructive::Destructive,
    lookup::{Destinations, Listing},
    read::FILE,
    services::{Services, SocketName},
};

#[cfg(test)]
mod tests;
