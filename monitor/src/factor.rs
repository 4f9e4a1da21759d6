//! What a person decides by beside being who the kernel says they are: a code of a device that they have, or a touch of a key.
//!
//! A factor belongs to a user of this machine. What of it is secret is root's alone, in the state directory ([`store`]). A code
//! says that somebody has the device, and not what they decide; a signature is over the decision's own text ([`statement`]), so
//! it is worth the same whichever way it came.
//!
//! Nothing here is in `interlock_core`: a decision is made from what was found ([`interlock_core::record::Factor`]), and never from
//! codes and signatures, so the core needs no cryptography and no user's secrets.

pub mod attempts;
pub mod check;
pub mod enrol;
pub mod enrolled;
pub mod key;
pub mod refused;
pub mod same;
pub mod secret;
pub mod statement;
pub mod store;
pub mod totp;

#[cfg(test)]
mod testing;
