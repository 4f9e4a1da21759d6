//! Interlock: a behavioural monitor and circuit breaker for coding agents on Linux.
//!
//! The data goes one way: [`probes`] → [`daemon`] (enriched by [`sessions`], [`names`], [`catalog`]) → [`rules`] →
//! [`holds`] and [`enforcement`]. Only decisions go back, through `probes::uplink`.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod alerts;
pub mod breaker;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod drill;
pub mod enforcement;
pub(crate) mod event_fields;
pub mod explanation;
pub mod facts;
pub mod health;
pub mod holds;
pub mod ledger;
pub mod logfile;
pub mod metrics;
pub mod names;
pub mod probes;
pub mod recognition;
pub mod regular;
pub mod replay;
pub mod rules;
pub mod sessions;
pub mod suggest;
pub mod trial;
