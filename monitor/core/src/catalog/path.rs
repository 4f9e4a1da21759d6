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

/// Last component of a path.
pub fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `path` as `~/…` when it lies in `home`, or in what is somebody's home by its place (`/root`, `/home/NAME`).
pub fn tilde(path: &str, home: Option<&str>) -> Option<String> {
    let below = |prefix: &str| {
        let rest = path.strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/')?;
        (!rest.is_empty()).then_some(rest)
    };
    let named = |prefix: &str| below(prefix)?.split_once('/').map(|(_, rest)| rest);
    home.filter(|home| home.len() > 1)
        .and_then(below)
        .or_else(|| below("/root"))
        .or_else(|| named("/home"))
        .or_else(|| named("/var/home"))
        .map(|rest| format!("~/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::{normalise, tilde};

    #[test]
    fn detours_are_straightened() {
        assert_eq!(normalise("/proc/self/root/home/a/.env"), "/home/a/.env");
        assert_eq!(normalise("/proc/17/task/18/root/proc/1/root/etc/shadow"), "/etc/shadow");
        assert_eq!(normalise("/home//a/./b/../.env"), "/home/a/.env");
        assert_eq!(normalise("/../../etc/shadow"), "/etc/shadow");
        assert_eq!(normalise("../.env"), ".env");
        assert_eq!(normalise("/proc/self/fd/root"), "/proc/self/fd/root");
    }

    #[test]
    fn a_home_is_the_given_one_or_one_by_its_place() {
        let home = Some("/srv/people/ann");
        assert_eq!(tilde("/srv/people/ann/.pgpass", home).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/home/bob/.pgpass", home).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/root/.pgpass", None).as_deref(), Some("~/.pgpass"));
        assert_eq!(tilde("/srv/people/annette/.pgpass", home), None);
        assert_eq!(tilde("/rooted/.pgpass", None), None);
        assert_eq!(tilde("/opt/.pgpass", Some("/")), None);
    }
}
