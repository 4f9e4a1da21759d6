#![no_main]

use interlock_core::mask;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let typed = String::from_utf8_lossy(bytes);
    let once = mask::text(&typed).into_owned();
    assert_eq!(mask::text(&once), once);
    let arguments: Vec<&str> = typed.split('\0').collect();
    let once = mask::arguments(&arguments);
    assert_eq!(once.len(), arguments.len());
    assert_eq!(mask::arguments(&once), once);
});
