//! The laboratories: real programs from the registries are installed, run where nothing can happen, and measured; the
//! catalogue is held against what was seen. The one of infrastructure clients is here, that of coding agents in [`agents`].
//!
//! The data goes one way: [`client`] (what there is) → [`install`] → [`mod@bench`] ([`sandbox`], `stub.rs`, [`trace`]) →
//! [`measure`] (facts, kept in [`records`]) → [`judge`] (the catalogue's answer) → [`table`].

pub mod agents;
pub mod bench;
pub mod client;
pub mod coverage;
mod home;
pub mod install;
pub mod judge;
pub mod list;
pub mod measure;
pub mod records;
pub mod sandbox;
mod stub;
pub mod table;
mod token;
pub mod trace;
