//! Interlock: a behavioural monitor and circuit breaker for coding agents on Linux.
pub mod facts;
