//! The machine: what a kernel and a distribution are, as far as Interlock depends on them.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use serde_json::{Value, json};

use super::part::Part;
use crate::{cli::language::plain, config::Config};
use interlock_host::regular;

/// Longest text of the kernel's or the distribution's that is taken, bytes.
const LONGEST: u64 = 64 * 1024;
/// Entries of one directory that are listed.
const ENTRIES: usize = 200;

/// What says how the kernel was started and what it has.
const TEXTS: [&str; 8] = [
    "/etc/os-release",
    "/proc/sys/kernel/osrelease",
    "/proc/version",
    "/sys/kernel/security/lsm",
    "/sys/kernel/security/lockdown",
    "/proc/sys/kernel/unprivileged_bpf_disabled",
    "/proc/sys/dev/tty/legacy_tiocsti",
    "/proc/self/cgroup",
];

pub fn parts(config: &Config) -> Vec<Part> {
    let texts: serde_json::Map<String, Value> =
        TEXTS.iter().map(|path| ((*path).to_owned(), read(path))).collect();
    let uname = rustix::system::uname();
    let machine = json!({
        "architecture": uname.machine().to_string_lossy(),
        "release": uname.release().to_string_lossy(),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "btf": fs::metadata("/sys/kernel/btf/vmlinux").map(|metadata| metadata.len()).ok(),
        "texts": texts,
        "mounts": mounts(),
    });
    vec![Part::json("machine.json", &machine), Part::text("files.txt", &files(config))]
}

fn read(path: &str) -> Value {
    match regular::text(Path::new(path), LONGEST) {
        Ok(text) => text.trim_end().into(),
        Err(error) => format!("unreadable: {error}").into(),
    }
}

/// Where the kernel's own file systems are mounted; of others nothing is said.
fn mounts() -> Vec<String> {
    let text = regular::text(Path::new("/proc/self/mountinfo"), 16 * LONGEST).unwrap_or_default();
    let kinds = ["cgroup", "cgroup2", "bpf", "tracefs", "securityfs"];
    let kind = |line: &&str| {
        let behind = line.split_once(" - ").and_then(|(_, behind)| behind.split(' ').next());
        behind.is_some_and(|kind| kinds.contains(&kind))
    };
    text.lines().filter(kind).map(str::to_owned).collect()
}

/// Interlock's own places: owners, modes and sizes, no content.
fn files(config: &Config) -> String {
    let mut lines = Vec::new();
    for place in config.own_paths() {
        lines.push(line(&place));
        let Ok(entries) = fs::read_dir(&place) else { continue };
        let mut below: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        below.sort();
        let more = below.len().saturating_sub(ENTRIES);
        lines.extend(below.iter().take(ENTRIES).map(|path| line(path)));
        if more > 0 {
            lines.push(format!("and {more} more in {}", place.display()));
        }
    }
    lines.join("\n") + "\n"
}

fn line(path: &Path) -> String {
    // A name is somebody's, and writes no line of its own.
    let name = plain(&path.display().to_string());
    let said = |metadata: Metadata| {
        let (mode, size) = (metadata.mode() & 0o7777, metadata.len());
        format!("{mode:04o} {}:{} {size} {name}", metadata.uid(), metadata.gid())
    };
    fs::symlink_metadata(path).map_or_else(|error| format!("{name}: {error}"), said)
}
