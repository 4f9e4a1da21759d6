//! Metrics: everything the daemon counts, with the prefix `interlock_`, and the page that shows it.
//!
//! Labels are bounded: their values are constants of this program, or limited in number by `labels.rs`.

mod exporter;
mod guests;
mod heartbeat;
mod labels;
mod maker;
mod registry;
mod words;

pub use self::{
    exporter::{Exporter, ExporterError, Phase},
    heartbeat::Heartbeat,
    registry::{Metrics, revision},
    words::kind_name,
};

#[cfg(test)]
mod tests;
