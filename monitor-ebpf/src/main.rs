//! Interlock's kernel programs, portable backend: ring buffers, raw tracepoints, syscall tracepoints and cgroup hooks.
//!
//! Every program begins with one lookup: has the caller (or the socket) a label? No → return. Nothing here judges
//! beyond what the daemon wrote into the tables; what cannot be judged is held where a hold exists, and reported.
#![no_std]
#![no_main]
#![feature(core_intrinsics)] // see `atomic`
#![allow(internal_features)]

mod abi;
mod atomic;
mod count;
mod delegate;
mod emit;
mod execute;
mod files;
mod flows;
mod guard;
mod handshake;
mod hold;
mod identity;
mod inspect;
mod io_uring;
mod kernel;
mod lineage;
mod maps;
mod meeting;
mod mounts;
mod names;
mod network;
mod own;
mod packet;
mod received;
mod registers;
mod relink;
mod sieve;
mod sockets;
mod verdict;

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Unreachable: nothing in this crate panics, and the verifier would reject the call if something did.
#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
