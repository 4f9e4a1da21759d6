//! A failed open of a secret's name: the agent is looking for it.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str};
use monitor_common::{
    event::{
        file::{PATH_MAX, Probe, matched},
        kind,
    },
    loss::Loss,
    policy::GRADE_NONE,
};

use crate::{
    decide::hold::EPERM,
    kernel::{Object, name_hash},
    maps::ACCESS,
    report::ring,
};

const ENOENT: i32 = -2;
const EACCES: i32 = -13;

/// Where the path's text stands.
pub enum Path {
    User(u64),
    Kernel(Object),
}

/// Reports `path` if its last component is a secret's name. A path longer than the buffer counts as a
/// match.
#[inline(always)]
pub fn failed(tgid: u32, session: u64, errno: i32, path: Path) -> Option<()> {
    if errno != ENOENT && errno != EACCES && errno != EPERM {
        return None;
    }
    let mut entry = ring::reserve::<Probe>(&ACCESS, Loss::Probe, session)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory of which `path` is PATH_MAX bytes.
    let length = unsafe {
        let target = (&raw mut (*record).path).cast();
        match path {
            Path::User(address) => bpf_probe_read_user_str(target, PATH_MAX as u32, address as *const _),
            Path::Kernel(text) => bpf_probe_read_kernel_str(target, PATH_MAX as u32, text.0.cast()),
        }
    };
    let (tag, how) = if length < 2 {
        (name_hash::NONE, 0)
    } else if length as usize >= PATH_MAX {
        (name_hash::NONE, matched::UNRESOLVED)
    } else {
        // SAFETY: the helper filled `length` bytes of the buffer, which holds PATH_MAX.
        let text = unsafe { &(*record).path };
        let pass = name_hash::pass(text, length as usize - 1);
        (name_hash::tag(&pass.file, pass.parent), matched::NAME)
    };
    if tag.grade == GRADE_NONE && how != matched::UNRESOLVED {
        entry.discard();
        return None;
    }
    // SAFETY: as above; these fields complete the record.
    unsafe {
        (*record).header = entry.header(kind::PROBE, tgid, session);
        (*record).tag = tag;
        (*record).errno = errno;
        (*record).matched = how;
    }
    entry.submit();
    Some(())
}
