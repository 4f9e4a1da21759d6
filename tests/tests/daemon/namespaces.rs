//! A daemon whose process ids are not the kernel's would label, freeze and kill other people's processes.

use std::{fs, process::Command};

use interlock_tests::{
    daemon::{binary, text},
    is_root,
};
use tempfile::TempDir;

#[test]
fn a_daemon_in_a_pid_namespace_of_its_own_does_not_start_and_doctor_says_why() {
    if !is_root() {
        return;
    }
    let dir = TempDir::with_prefix("interlock-test-").unwrap();
    let config = format!(
        "socket = \"{0}/s\"\nstate = \"{0}/state\"\nrules = \"builtin\"\npins = \"none\"\nmetrics = \"none\"\nwatch_below = 1\n",
        dir.path().display()
    );
    fs::write(dir.path().join("config.toml"), config).unwrap();
    for (verb, found) in [("daemon", "--pid=host"), ("doctor", "a pid namespace of its own")] {
        let mut inside = Command::new("timeout");
        inside.args(["20", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]).arg(binary());
        let output = inside.arg("--config").arg(dir.path().join("config.toml")).arg(verb).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{verb}: {}", text(&output));
        assert!(text(&output).contains(found), "{verb}: {}", text(&output));
    }
}
