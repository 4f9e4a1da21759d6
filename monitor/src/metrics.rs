//! Metrics: everything the daemon counts, with the prefix `interlock_`, and the page that shows it.
//!
//! Labels are bounded: their values are constants of this program, or limited in number by `labels.rs`.

mod counts;
mod exemplars;
mod exporter;
mod heartbeat;
mod labels;
mod maker;
mod pods;
mod registry;
pub mod words;

pub use self::{
    counts::raise,
    exporter::{Exporter, ExporterError, Phase},
    heartbeat::Heartbeat,
    labels::{Label, Values},
    maker::Described,
    registry::{Metrics, PREFIX, revision},
};

#[cfg(test)]
mod tests;
