//! All of Interlock that touches the machine: the kernel programs ([`probes`]), other processes ([`proc`]), freezing
//! ([`enforcement`]), the package managers' configuration ([`packages`]), files and clocks.
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod capabilities;
pub mod clock;
pub mod enforcement;
pub mod machine;
pub mod mountinfo;
pub mod packages;
pub mod probes;
pub mod proc;
pub mod regular;
pub mod resolvers;
pub mod trust;
