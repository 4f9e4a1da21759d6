//! Sessions: one running agent each, with all its processes.

pub mod adoption;
mod ended;
mod outcome;
mod registry;
mod session;
mod suspension;
pub mod touches;

pub use self::{
    outcome::Outcome,
    registry::Registry,
    session::Session,
    suspension::{Suspension, Way},
};
