#![no_main]

use interlock_core::names::{dns, host, stream};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for answer in dns::answers(bytes).unwrap_or_default() {
        assert_eq!(host::name(answer.name.as_bytes()), Some(answer.name));
    }
    // The same bytes as a stream: any cut into two pieces gives the same messages.
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let (mut whole, mut pieces) = (stream::TcpStream::default(), stream::TcpStream::default());
    let mut messages = pieces.push(first);
    messages.extend(pieces.push(second));
    assert_eq!(whole.push(bytes), messages);
    assert_eq!(whole.gave_up(), pieces.gave_up());
});
