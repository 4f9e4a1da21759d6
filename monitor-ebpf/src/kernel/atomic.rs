//! Atomic changes of map values that several CPUs share.
//!
//! `core::sync::atomic` has no read-modify-write for this target, though the instruction set does (v3, Linux 5.12), so
//! the intrinsics are called directly.
use core::intrinsics::{AtomicOrdering, atomic_or, atomic_xadd};

const RELAXED: AtomicOrdering = AtomicOrdering::Relaxed;
/// For operations whose result is used: LLVM emits a relaxed one without BPF_FETCH, and the "old value" is the operand.
const ORDERED: AtomicOrdering = AtomicOrdering::AcqRel;

/// Adds one; gives the new value.
///
/// # Safety
/// `target` must be an aligned map value.
#[inline(always)]
pub unsafe fn increment(target: *mut u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, ORDERED>(target, 1) + 1 }
}

/// Adds so many.
///
/// # Safety
/// `target` must be an aligned map value.
#[inline(always)]
pub unsafe fn add(target: *mut u64, by: u64) {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, RELAXED>(target, by) };
}

/// Takes one away; gives the value before.
///
/// # Safety
/// `target` must be an aligned map value.
#[inline(always)]
pub unsafe fn decrement(target: *mut u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { atomic_xadd::<u64, u64, ORDERED>(target, u64::MAX) }
}

/// Sets bits.
///
/// # Safety
/// `target` must be an aligned map value.
#[inline(always)]
pub unsafe fn set_bits(target: *mut u64, bits: u64) {
    // SAFETY: the caller's promise.
    unsafe { atomic_or::<u64, u64, RELAXED>(target, bits) };
}
