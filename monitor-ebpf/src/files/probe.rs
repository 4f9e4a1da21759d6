//! A failed open of a secret's name: the agent is looking for it.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_loop, bpf_probe_read_kernel_str, bpf_probe_read_user_str};
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

/// A pass under way.
struct Walk<'a, const ROOM: usize> {
    text: &'a [u8; ROOM],
    length: u32,
    at_start: u32,
    running: u64,
    extension: u64,
    stem: u64,
    parent: (u64, u64),
}

/// Hashes the `length` bytes of a path. `bpf_loop` has its body verified once, and not once for every byte.
#[inline(always)]
pub fn pass<const ROOM: usize>(text: &[u8; ROOM], length: usize) -> Pass {
    let mut walk = Walk {
        text,
        length: length as u32,
        at_start: 1,
        running: FNV_OFFSET,
        extension: 0,
        stem: 0,
        parent: (0, 0),
    };
    // SAFETY: `step` has the type that the helper wants, and `walk` outlives the call.
    unsafe { bpf_loop(ROOM as u32, step::<ROOM> as *mut c_void, (&raw mut walk).cast(), 0) };
    let exact = hash::finish(walk.running, EXACT);
    let extension = hash::finish(walk.extension, EXTENSION);
    Pass { file: names::Hashes { exact, extension, stem: walk.stem }, parent: walk.parent }
}

/// One byte; 1 ends the loop.
unsafe extern "C" fn step<const ROOM: usize>(index: u32, walk: *mut c_void) -> i64 {
    // SAFETY: `pass` handed it over.
    let walk = unsafe { &mut *walk.cast::<Walk<'_, ROOM>>() };
    if index >= walk.length {
        return 1;
    }
    let Some(&byte) = walk.text.get(index as usize) else { return 1 };
    if byte == b'/' {
        walk.parent = (hash::finish(walk.running, EXACT), hash::finish(walk.running, PARENT));
        (walk.running, walk.extension, walk.stem, walk.at_start) = (FNV_OFFSET, 0, 0, 1);
        return 0;
    }
    if byte == b'.' && walk.at_start == 0 {
        if walk.stem == 0 {
            walk.stem = hash::finish(walk.running, STEM);
        }
        walk.extension = FNV_OFFSET;
    } else if walk.extension != 0 {
        walk.extension = hash::step(walk.extension, byte);
    }
    walk.running = hash::step(walk.running, byte);
    walk.at_start = 0;
    0
}
