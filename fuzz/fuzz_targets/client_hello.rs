#![no_main]

use interlock_core::names::{client_hello::{self, ServerName}, host};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let hello = client_hello::server_name(bytes);
    if let ServerName::Found(name) = hello.server_name {
        assert_eq!(host::name(name.as_bytes()), Some(name));
    }
    assert!(hello.further.len() < 8 && hello.alpn.len() <= 8);
});
