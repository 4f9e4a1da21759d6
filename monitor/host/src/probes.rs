//! Probes: the only module that names aya. Loads and attaches the kernel programs, reads their rings, writes their
//! maps.

pub mod batch;
pub mod btf;
pub mod budget;
pub mod capability;
pub mod decode;
mod ending;
pub mod error;
mod hooks;
pub mod inode;
pub mod loader;
pub mod maps;
mod memory;
pub mod misses;
pub mod mounts;
mod namespace;
pub mod offsets;
mod pins;
pub mod ring;
pub mod ring_merger;
pub mod selftest;
pub mod table;

pub use aya::maps::MapError;
pub use capability::doctor;
pub use decode::Record;
pub use error::ProbeError;
pub use loader::{Options, Probes};
pub use maps::Maps;
pub use pins::remove_all as remove_all_pins;
