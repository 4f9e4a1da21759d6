//! `[[notify]]`: whom the notifier tells what, and where. Each table is one target.

mod address;
mod credential;
mod draft;
mod quiet;
mod reader;
mod required;
mod target;

pub(super) use self::reader::targets;
pub use self::{
    address::{Address, AddressError},
    credential::{Credential, CredentialError},
    quiet::Quiet,
    target::{Class, Given, Kind, Target},
};

#[cfg(test)]
mod tests;
