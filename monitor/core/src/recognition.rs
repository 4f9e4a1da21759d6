//! Recognition: from what was seen — a path, an endpoint, a program — to what rules speak about.
//!
//! Pure: the daemon hands in what the kernel reported, `interlock rules test` what a case says, and both get the same
//! subject for the same thing.

pub mod detection;
pub mod environment;
mod executed;
mod grounds;
mod place;
mod program;
mod secret;
mod services;

pub use self::{
    executed::executed,
    grounds::{Grounds, is_outside},
    place::{DANGEROUS, danger_of, destination},
    program::{own_args, own_program, prefix},
    secret::{KnownBy, Reader, secret},
    services::{asked_service, written_file},
};
