//! Paths as processes give them.

/// `path` without `.`, `..`, doubled slashes and the detour over `/proc/PID/root`, by its text alone.
pub fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            "root" if is_process(&parts) => parts.clear(),
            name => parts.push(name),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

/// `/proc/PID` or `/proc/PID/task/TID`.
fn is_process(parts: &[&str]) -> bool {
    let id =
        |name: &str| matches!(name, "self" | "thread-self") || name.bytes().all(|byte| byte.is_ascii_digit());
    match parts {
        ["proc", pid] => id(pid),
        ["proc", pid, "task", tid] => id(pid) && id(tid),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn detours_are_straightened() {
        assert_eq!(normalise("/proc/self/root/home/a/.env"), "/home/a/.env");
        assert_eq!(normalise("/proc/17/task/18/root/proc/1/root/etc/shadow"), "/etc/shadow");
        assert_eq!(normalise("/home//a/./b/../.env"), "/home/a/.env");
        assert_eq!(normalise("/../../etc/shadow"), "/etc/shadow");
        assert_eq!(normalise("../.env"), ".env");
        assert_eq!(normalise("/proc/self/fd/root"), "/proc/self/fd/root");
    }
}
