//! A person's device of codes. They are computed by Python, which knows nothing of Interlock.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::daemon::{Daemon, text};

/// RFC 6238 by Python's own `hmac`: the code of a secret, so many steps from now.
const CODE: &str = "import base64, hmac, struct, sys, time
step = int(time.time()) // 30 + int(sys.argv[2])
mac = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', step), 'sha1').digest()
at = mac[19] & 15
print('%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000))";

/// RFC 6238's own secret.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// # Panics
/// Python has no answer.
#[must_use]
pub fn code(secret: &str, steps: i32) -> String {
    let output = Command::new("python3").args(["-c", CODE, secret, &steps.to_string()]).output();
    let output = output.expect("python3 is there");
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).expect("digits").trim().to_owned()
}

/// Leaves a file as `interlock factor add totp` does; returns the secret.
///
/// # Panics
/// It cannot be written.
pub fn enrol(daemon: &Daemon, user: u32) -> &'static str {
    let dir = daemon.dir().join("state/factors");
    fs::create_dir_all(&dir).expect("the state is there");
    let device = format!(
        r#"{{"id":"f1","enrolled":"2026-01-01T00:00:00Z","secret":"{SECRET}","last_step":0,"drift":0}}"#
    );
    let enrolled = format!(
        r#"{{"version":1,"user":{user},"next":2,"devices":[{device}],"keys":[],"attempts":{{"wrong":[],"locked":null}},"used":[]}}"#
    );
    let file = dir.join(format!("{user}.json"));
    fs::write(&file, enrolled).expect("it is the test's own");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("it is there");
    SECRET
}
