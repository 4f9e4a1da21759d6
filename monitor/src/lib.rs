//! Interlock: a behavioural monitor and circuit breaker for coding agents on Linux.
//!
//! The data goes one way: `interlock_host::probes` → [`daemon`] (enriched by `interlock_host::proc` and `interlock_core`'s
//! names and catalogues) → `interlock_core::rules` and `holds` → `interlock_host::enforcement`. Only decisions go back,
//! through `interlock_host::probes::maps`.
#![forbid(unsafe_code)]

pub mod alerts;
pub mod archive;
pub mod cli;
#[cfg(feature = "kubernetes")]
pub mod cluster_holds;
pub mod config;
pub mod control;
pub mod daemon;
#[cfg(feature = "drill")]
pub mod drill;
pub mod factor;
pub mod ledger;
pub mod logfile;
pub mod metrics;
pub mod notifier;
pub mod policy;
pub mod terminals;
mod text;
mod uri;
