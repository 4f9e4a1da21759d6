//! What start-up has used and nothing needs any more.

/// Returns freed memory back to the kernel: parsing the kernel's types takes some 30 MiB in small pieces, which glibc would
/// keep for the daemon's whole life (malloc_trim(3)).
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; it only looks at what is free.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
