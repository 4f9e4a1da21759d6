//! The process around the event loop: its state directory, signals and files, the watch over its thread.

pub mod error;
pub mod policy_files;
pub mod priority;
pub mod registries;
pub mod release;
pub mod signals;
pub mod state_dir;
pub mod watchdog;
