//! The watch over the pods of this node.

mod failure;
mod object;
mod pace;
mod relay;
mod watch;

pub use self::{pace::Pace, relay::MOST, watch::Watch};
