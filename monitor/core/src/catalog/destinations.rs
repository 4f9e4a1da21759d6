//! Endpoints: from a host name, or an address and a port, to a class and a provider.

mod destructive;
mod lookup;
mod read;
mod services;
mod tables;

pub use self::{
    destructive::Destructive,
    lookup::{Destinations, Listing},
    read::FILE,
    services::{Services, SocketName},
};

pub(super) use self::read::{SHIPPED, read};

#[cfg(test)]
mod tests;
