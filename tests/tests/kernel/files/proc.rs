//! Other processes' environments and memory.

use interlock_core::strings;
use monitor_common::event::file::proc_file;

use super::Scene;

/// Opens `path`, in which `PID` stands for the test's own process; returns which file and the directories above it.
fn seen(path: &str) -> Option<(u32, Vec<String>)> {
    let mut scene = Scene::set()?;
    scene.reads(&path.replace("PID", &std::process::id().to_string()));
    let opens = scene.proc_opens();
    let [open] = &opens[..] else { panic!("{path}: {} records", opens.len()) };
    Some((open.file, open.names.iter().map(|name| strings::text(name)).collect()))
}

#[test]
fn the_environment_of_a_process() {
    let Some((file, names)) = seen("/proc/PID/environ") else { return };
    assert_eq!((file, &names[0]), (proc_file::ENVIRON, &std::process::id().to_string()));
}

#[test]
fn the_environment_of_a_thread() {
    let Some((file, names)) = seen("/proc/PID/task/PID/environ") else { return };
    let pid = std::process::id().to_string();
    assert_eq!((file, names), (proc_file::ENVIRON, vec![pid.clone(), "task".into(), pid]));
}

#[test]
fn the_memory_of_a_process() {
    let Some((file, names)) = seen("/proc/PID/mem") else { return };
    assert_eq!((file, &names[0]), (proc_file::MEM, &std::process::id().to_string()));
}

#[test]
fn nothing_else_of_proc() {
    let Some(mut scene) = Scene::set() else { return };
    let own = std::process::id();
    for file in [format!("/proc/{own}/status"), "/proc/meminfo".into(), "/proc/self/cmdline".into()] {
        scene.reads(&file);
    }
    assert!(scene.proc_opens().is_empty());
}
