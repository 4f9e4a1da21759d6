//! Which container a process is in.

use std::fs;

use super::procfs;
use interlock_core::facts::Container;

/// By its cgroups; `None` outside of every container, and of a process that has ended.
#[must_use]
pub fn container(pid: u32) -> Option<Container> {
    Container::of_cgroups(&fs::read_to_string(procfs::living(pid).join("cgroup")).ok()?)
}
