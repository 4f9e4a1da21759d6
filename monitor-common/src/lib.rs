//! The ABI between Interlock's kernel programs (`monitor-ebpf`) and its daemon (`monitor`).
//!
//! Everything here is plain `repr(C)` data without padding, pointers, `bool`, `Option` or `usize`, because both sides
//! read the same bytes. Every layout is proved by a constant assertion beside its type. A change of any layout or of
//! the meaning of any number is a new [`ABI`] version: pins of another version are never adopted.
#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod bits;
pub mod event;
pub mod hash;
pub mod label;
pub mod loss;
pub mod offsets;
pub mod policy;

/// Version of everything in this crate; part of the pin directory's name.
pub const ABI: u32 = 11;

/// Implements aya's marker for map keys and values, for userspace only.
macro_rules! pod {
    ($($type:ty),+ $(,)?) => {
        $(
            // SAFETY: `repr(C)`, integers and arrays of integers only, no padding (asserted beside the type).
            #[cfg(feature = "user")]
            unsafe impl aya::Pod for $type {}
        )+
    };
}
pub(crate) use pod;
