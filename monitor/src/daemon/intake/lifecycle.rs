//! Sessions: agents are recognised, begin one, and have what they started adopted; the last process ends it.

pub mod adopt;
pub mod agents;
pub mod begin;
pub mod daemons;
pub mod end;
pub mod recognise;
pub mod restore;
pub mod unseen;
