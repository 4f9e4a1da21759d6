#![no_main]

use interlock_core::names::{host, http};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(target) = http::target(bytes)
        && let host::Host::Name(name) = target.host
    {
        assert_eq!(host::name(name.as_bytes()), Some(name));
    }
});
