//! Files that hold credentials: what they are, how grave a read is, and whose reads are ordinary.
//!
//! The kernel recognises secrets by inode ([`Secrets::places`]) and, more coarsely, by name
//! ([`Secrets::kernel_names`]). What it reported by name is then judged precisely by path ([`Secrets::judge`]).

mod commands;
mod document;
mod entry;
mod existing;
mod habit;
mod job;
mod judge;
mod loaders;
mod moved;
mod names;
mod owner;
mod parse;
mod pattern;
mod set;
mod within;

pub use self::{
    document::searches::SearchCommand,
    existing::StorePlace,
    habit::{Habitual, Program},
    moved::Moved,
    set::{FILE, Judged, Secrets},
};
pub(super) use self::{
    entry::habits::StatedFor,
    parse::{SHIPPED, read},
};

/// Stands for an entry where a path was too long to be looked at.
pub const UNRESOLVED: &str = "unresolved-path";

#[cfg(test)]
mod tests;
