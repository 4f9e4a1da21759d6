//! Hashes of names, computed alike in the kernel and in the daemon.
//!
//! A secret's name is looked up by a 64-bit FNV-1a hash closed with a byte for the way it was formed. A collision would
//! make a harmless file count as a secret, never the other way round.

/// The whole file name: `.env`.
pub const EXACT: u8 = b'n';
/// Parent directory and file name: `.railway/config.json`.
pub const PAIR: u8 = b'p';
/// Any file in a directory of this name: `private-keys-v1.d`.
pub const PARENT: u8 = b'd';
/// What follows the last dot: `pem`.
pub const EXTENSION: u8 = b'e';
/// What precedes the second dot of a hidden name or the first of any other: `.env` of `.env.local`.
pub const STEM: u8 = b's';

pub const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
pub const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Longest file name Linux allows, bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;

#[inline(always)]
pub const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(FNV_PRIME)
}

/// Closes a running hash under `kind`. The kind comes last, so that one pass over a name serves several kinds.
#[inline(always)]
pub const fn finish(running: u64, kind: u8) -> u64 {
    step(running, kind)
}

/// Hash of `name` under `kind`; userspace's twin of what the kernel computes byte by byte.
pub const fn name(kind: u8, name: &[u8]) -> u64 {
    let mut hash = FNV_OFFSET;
    let mut i = 0;
    while i < name.len() {
        hash = step(hash, name[i]);
        i += 1;
    }
    finish(hash, kind)
}

/// Combines the [`EXACT`] hashes of a parent directory and of the file in it.
#[inline(always)]
pub const fn pair(parent: u64, file: u64) -> u64 {
    step(parent.rotate_left(17) ^ file, PAIR)
}
