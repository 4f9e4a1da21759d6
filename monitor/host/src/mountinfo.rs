//! `/proc/self/mountinfo`, see proc(5).

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

/// Mount point of a cgroup v2 hierarchy, and the group that it shows at its top: the first that shows all groups, else the
/// first. A container has one of its own, which ends at the container's group, and may have the machine's laid over it.
#[must_use]
pub fn cgroup2(mountinfo: &str) -> Option<(PathBuf, PathBuf)> {
    let mounts: Vec<_> = mountinfo.lines().filter_map(cgroup2_of).collect();
    mounts.iter().find(|(_, root)| root == Path::new("/")).or(mounts.first()).cloned()
}

fn cgroup2_of(line: &str) -> Option<(PathBuf, PathBuf)> {
    // 30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw: optional fields end at the lone dash.
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, mount_point) = (fields.next()?, fields.next()?);
    (filesystem.split(' ').next()? == "cgroup2").then(|| (unescape(mount_point), unescape(root)))
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unified_hierarchy_is_found_beside_version_1() {
        let text = "30 23 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw\n\
                    31 30 0:27 / /sys/fs/cgroup/cpu rw shared:10 - cgroup cgroup rw,cpu\n\
                    32 30 0:28 / /sys/fs/cgroup/my\\040unified rw shared:11 - cgroup2 cgroup2 rw\n";
        assert_eq!(cgroup2(text), Some(("/sys/fs/cgroup/my unified".into(), "/".into())));
    }

    #[test]
    fn the_machines_hierarchy_goes_before_a_containers_own() {
        let own = "901 900 0:28 /kubepods/pod1/c /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(cgroup2(own), Some(("/sys/fs/cgroup".into(), "/kubepods/pod1/c".into())));
        let both = format!("{own}902 901 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(cgroup2(&both), Some(("/sys/fs/cgroup".into(), "/".into())));
    }

    #[test]
    fn no_hierarchy_is_no_answer() {
        assert_eq!(cgroup2("21 26 0:19 / /cgroup2 rw - sysfs cgroup2 rw\n"), None);
    }
}
