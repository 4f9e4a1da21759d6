//! Interlock's decision as a library: facts, answers and time in, effects out.
//!
//! Nothing here reads a clock, a file, a socket, a process or the environment: whoever calls brings the time and the texts.
//! `cargo test -p interlock-core` needs no privileges.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod breaker;
pub mod catalog;
pub mod decide;
pub mod event_fields;
pub mod explanation;
pub mod facts;
pub mod health;
pub mod hex;
pub mod holds;
pub mod mask;
pub mod names;
pub mod plain;
pub mod pods;
pub mod problem;
pub mod recognition;
pub mod record;
pub mod replay;
pub mod rule_test;
pub mod rules;
pub mod sessions;
pub mod strings;
pub mod suggest;
pub mod words;
pub(crate) mod yaml;
