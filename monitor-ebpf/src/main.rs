//! Interlock's kernel programs, for every backend: LSM, fentry and fexit, tracepoints, cgroup hooks.
//!
//! Every program begins with one lookup: has the caller (or the socket) a label? No → return. Nothing here judges
//! beyond what the daemon wrote into the tables; what cannot be judged is held where a hold exists, and reported.
//!
//! The folders are layers, and each looks only at those before it: [`maps`], [`kernel`], [`decide`], [`report`], [`hooks`].
#![no_std]
#![no_main]
#![feature(core_intrinsics)] // see `kernel::atomic`
#![allow(internal_features)]

mod decide;
mod hooks;
mod kernel;
mod maps;
mod report;

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Unreachable: nothing in this crate panics, and the verifier would reject the call if something did.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
