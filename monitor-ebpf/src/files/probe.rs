//! A failed open of a secret's name: the agent is looking for it.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str};
use monitor_common::{
    event::{
        file::{PATH_MAX, Probe, matched},
        kind,
    },
    hash::{self, EXACT, EXTENSION, FNV_OFFSET, PARENT, STEM},
    loss::Loss,
    policy::GRADE_NONE,
};

use crate::{emit, kernel::Object, maps::ACCESS, names};

const ENOENT: i32 = -2;
const EACCES: i32 = -13;
const EPERM: i32 = -1;

/// Where the path's text stands.
pub enum Path {
    User(u64),
    Kernel(Object),
}

/// Path hashes after a pass over the text: those of the last component, and of the directory before it.
pub struct Pass {
    pub file: names::Hashes,
    pub parent: (u64, u64),
}

/// Reports `path` if its last component is a secret's name. A path longer than the buffer counts as a
/// match.
#[inline(always)]
pub fn failed(tgid: u32, session: u64, errno: i32, path: Path) -> Option<()> {
    if errno != ENOENT && errno != EACCES && errno != EPERM {
        return None;
    }
    let mut entry = emit::reserve::<Probe>(&ACCESS, Loss::Probe, session)?;
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
        (names::NONE, 0)
    } else if length as usize >= PATH_MAX {
        (names::NONE, matched::UNRESOLVED)
    } else {
        // SAFETY: the helper filled `length` bytes of the buffer, which holds PATH_MAX.
        let text = unsafe { &(*record).path };
        let pass = pass(text, length as usize - 1);
        (names::tag(&pass.file, pass.parent), matched::NAME)
    };
    if tag.grade == GRADE_NONE && how != matched::UNRESOLVED {
        entry.discard(0);
        return None;
    }
    // SAFETY: as above; these fields complete the record.
    unsafe {
        (*record).header = emit::header(kind::PROBE, tgid, session);
        (*record).tag = tag;
        (*record).errno = errno;
        (*record).matched = how;
    }
    entry.submit(0);
    Some(())
}

/// Hashes the `length` bytes of a path.
#[inline(always)]
pub fn pass<const ROOM: usize>(text: &[u8; ROOM], length: usize) -> Pass {
    let (mut running, mut extension, mut stem, mut start) = (FNV_OFFSET, 0, 0, 1_u64);
    let mut parent = (0, 0);
    let mut i = 0;
    while i < ROOM && i < length {
        let byte = text[i];
        if byte == b'/' {
            parent = (hash::finish(running, EXACT), hash::finish(running, PARENT));
            (running, extension, stem, start) = (FNV_OFFSET, 0, 0, 1);
        } else {
            if byte == b'.' && start == 0 {
                if stem == 0 {
                    stem = hash::finish(running, STEM);
                }
                extension = FNV_OFFSET;
            } else if extension != 0 {
                extension = hash::step(extension, byte);
            }
            running = hash::step(running, byte);
            start = 0;
        }
        i += 1;
    }
    let exact = hash::finish(running, EXACT);
    Pass { file: names::Hashes { exact, extension: hash::finish(extension, EXTENSION), stem }, parent }
}
