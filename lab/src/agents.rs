//! The laboratory of coding agents: real ones are installed, run beside a real daemon while a stub plays their model, and
//! measured; the catalogue and what is expected of Interlock are held against what was seen.
//!
//! The data goes one way: [`agent`] (what there is) → `place.rs` (installed as a person has it) → [`trial`] (three runs; the
//! [`daemon`] tells, the [`model`] asks for commands) → [`measure`] (facts) → [`judge`] (what differs) → [`table`].

pub mod agent;
pub mod daemon;
pub mod judge;
pub mod measure;
pub mod model;
mod place;
pub mod table;
pub mod trial;
