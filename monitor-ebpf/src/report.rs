//! Records for the daemon, and the count of those that were lost.

pub mod connect;
pub mod lost;
pub mod path;
pub mod ring;
pub mod tamper;
