//! Programs that the guest has. Tests call them, and so may the agents in tests: what is missing here is a busybox applet
//! there, which is another program where it is copied or judged by its path.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process;

const COMMON: &[&str] = &[
    "awk", "base64", "bash", "cat", "chmod", "chown", "chroot", "cp", "curl", "cut", "date", "dd", "dirname",
    "du", "echo", "env", "false", "find", "flock", "getconf", "grep", "gzip", "head", "id", "install", "ip",
    "kill", "ln", "ls", "mkdir", "mkfifo", "mktemp", "mount", "mv", "nice", "nohup", "nproc", "nsenter",
    "od", "openssl", "prlimit", "printenv", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "script",
    "sed", "seq", "setpriv", "setsid", "sleep", "sort", "ss", "stat", "stdbuf", "strace", "stty", "sync",
    "tail", "tar", "taskset", "tee", "test", "timeout", "touch", "tr", "true", "truncate", "uname", "uniq",
    "umount", "unlink", "unshare", "wc", "xargs", "yes",
];

/// Those of the list that this machine has.
pub fn found() -> Vec<PathBuf> {
    COMMON.iter().filter_map(|program| process::find(program)).collect()
}

/// An interpreter with its library.
pub struct Python {
    pub program: PathBuf,
    pub library: PathBuf,
}

impl Python {
    /// The interpreter behind `python3`, which may be a wrapper.
    ///
    /// # Errors
    /// There is none.
    pub fn find() -> Result<Self> {
        let question = "import json, os, sys; print(json.dumps([os.path.realpath(sys.executable), os.path.dirname(os.__file__)]))";
        let answer = process::answer(Command::new("python3").args(["-c", question]))?;
        let found: Value = serde_json::from_str(&answer).context("python3 tells its paths")?;
        let path = |index: usize| Some(PathBuf::from(found.get(index)?.as_str()?));
        let found = path(0).zip(path(1)).map(|(program, library)| Self { program, library });
        found.with_context(|| format!("python3 told {answer} about its paths"))
    }
}

/// What nobody imports, and what other people installed.
pub const LEFT_OUT: &[&str] = &[
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "libpython*.a",
];
