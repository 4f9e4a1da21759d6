//! Services: what a session asks of programs outside of its tree, and the servers that it runs itself.

pub mod delegate;
pub mod listeners;
