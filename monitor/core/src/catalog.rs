//! What the daemon knows beforehand: which programs are agents, which files are secrets, which endpoints are what, and
//! who starts processes for others.
//!
//! The knowledge is data (`rules/catalog/*.yaml`), built in and replaceable; `docs/catalogues.md` describes the formats.

pub mod agents;
mod command;
pub mod destinations;
mod digest;
mod document;
mod fields;
mod homes;
mod interpreter;
mod packs;
mod path;
mod pattern;
mod program;
mod reading;
pub mod secrets;
mod set;
pub mod workspaces;

pub use self::{
    digest::{Change, Difference},
    document::{Document, Documents},
    interpreter::script_place,
    packs::Pack,
    path::{basename, normalise, tilde},
    program::{imported, interpreted, names, packages},
    set::Catalog,
};

#[cfg(test)]
mod tests;
