//! Connections: where they lead, what they ask, who has them.

pub mod asks;
pub mod connects;
pub mod meetings;
pub mod naming;
pub mod received;
pub mod sent;
