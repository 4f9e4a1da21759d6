//! Enforcement: what a decision does to processes and connections.

pub mod flow;
pub mod freeze;
pub mod freezer;
pub mod signal;
