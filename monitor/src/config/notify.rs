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

/// Keys of a target whose values let nobody in and address nobody: what a problem may quote, and a report of a fault may show.
pub const SHOWN_KEYS: [&str; 16] = [
    "name",
    "kind",
    "events",
    "severity",
    "users",
    "rules",
    "quiet",
    "quiet_except",
    "escalate_after",
    "to",
    "insecure",
    "url_file",
    "topic_file",
    "token_file",
    "secret_file",
    "ca_file",
];

#[cfg(test)]
mod tests;
