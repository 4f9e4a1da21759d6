//! The names of a file, from itself upwards.

use monitor_common::event::file::{COMPONENT_MAX, COMPONENTS, Names};

use crate::kernel::{Object, Structure, offset};

/// Writes the names from the file upwards.
///
/// # Safety
/// `record` must be valid for writes.
#[inline(always)]
pub unsafe fn write(record: *mut Names, file: Object) {
    let (mut dentry, mut used, mut complete) = (file, 0, 0);
    for i in 0..COMPONENTS {
        let Some(parent) = dentry.follow(offset!(dentry_parent)) else { break };
        if parent.0 == dentry.0 {
            complete = 1;
            break;
        }
        // SAFETY: the caller's promise, and `i` is below COMPONENTS.
        let target = unsafe { (&raw mut (*record).names[i]).cast::<u8>() };
        let name = dentry.at(offset!(dentry_name));
        if name.read_string(offset!(qstr_name), target, COMPONENT_MAX as u32).is_none() {
            break;
        }
        used += 1;
        dentry = parent;
    }
    // SAFETY: the caller's promise.
    unsafe {
        (*record).components = used;
        (*record).complete = complete;
    }
}
