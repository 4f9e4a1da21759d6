//! What a process that is stopped inside `execve` is about to run.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    time::Duration,
};

use interlock_core::decide::{ARGUMENTS_MAX, Arguments};
use rustix::event::{Timespec, poll};

use super::{aside, procfs};

/// arch/x86/entry/syscalls/syscall_64.tbl, and which argument is `argv`.
const CALLS: [(i64, usize); 2] = [(59, 1), (322, 2)];
/// Bytes read of each.
const LENGTH: usize = 2048;
/// The stop takes effect on the way out of the syscall, some microseconds after the record of it; later where the caller waits
/// for a processor, as the event loop goes first. Each pause is twice the one before: 50 ms together.
const GLANCES: u32 = 10;
const GLANCE: Duration = Duration::from_micros(50);

/// The arguments of the exec; `None` where no thread of the process is in one. All threads
/// are stopped, so that nobody changes what is read, and the kernel reads the same when it restarts the call.
#[must_use]
pub fn arguments(pid: u32) -> Option<Arguments> {
    let argv = (0..GLANCES).find_map(|glance| {
        if glance > 0 {
            let pause = GLANCE * 2_u32.pow(glance);
            let _ = poll(&mut [], Timespec::try_from(pause).ok().as_ref()); // only a pause
        }
        pending(pid).transpose()
    });
    let argv = argv?.ok()?;
    // The memory may be mapped from a file system that another of the agent's processes serves.
    let found = aside::look(move || list(&File::open(procfs::living(pid).join("mem")).ok()?, argv))??;
    (!found.args.is_empty()).then_some(found)
}

/// The strings that the array at `argv` points to, up to its null pointer.
fn list(memory: &File, argv: u64) -> Option<Arguments> {
    let mut found = Arguments { args: Vec::new(), whole: true };
    for place in 0..=ARGUMENTS_MAX as u64 {
        let mut pointer = [0; 8];
        memory.read_exact_at(&mut pointer, argv.checked_add(place * 8)?).ok()?;
        match u64::from_ne_bytes(pointer) {
            0 => return Some(found),
            address if found.args.len() < ARGUMENTS_MAX => {
                let (text, whole) = string(memory, address)?;
                found.args.push(text);
                found.whole &= whole;
            }
            _ => {}
        }
    }
    found.whole = false;
    Some(found)
}

/// `argv` of the thread that is in an exec.
///
/// # Errors
/// The process has ended.
fn pending(pid: u32) -> io::Result<Option<u64>> {
    let mut threads = fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    Ok(threads.find_map(|thread| argv(&fs::read_to_string(thread.path().join("syscall")).ok()?)))
}

/// `59 0x7ffd… 0x55d1… …`: the number and the arguments of the syscall that a thread is in; `running` outside of one
/// (proc(5)).
fn argv(syscall: &str) -> Option<u64> {
    let mut words = syscall.split_ascii_whitespace();
    let number: i64 = words.next()?.parse().ok()?;
    let (_, place) = CALLS.into_iter().find(|(known, _)| *known == number)?;
    u64::from_str_radix(words.nth(place)?.strip_prefix("0x")?, 16).ok()
}

/// With whether its end was found.
fn string(memory: &File, address: u64) -> Option<(String, bool)> {
    let mut bytes = [0; LENGTH];
    let read = memory.read_at(&mut bytes, address).ok()?; // short at the end of a mapping
    let bytes = bytes.get(..read)?;
    let text = bytes.split(|byte| *byte == 0).next()?;
    Some((String::from_utf8_lossy(text).into_owned(), text.len() < bytes.len()))
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    #[test]
    fn the_argument_list_of_either_call_is_found_and_nothing_else() {
        assert_eq!(argv("59 0x7ffd01 0x55d1aa 0x3 0x4 0x5 0x6 0x7ffd00 0x7f00\n"), Some(0x55_d1aa));
        assert_eq!(argv("322 0xffffff9c 0x7ffd01 0x55d1bb 0x4 0x5 0x6 0x7ffd00 0x7f00\n"), Some(0x55_d1bb));
        assert_eq!(argv("running\n"), None);
        assert_eq!(argv("-1 0x7ffd00 0x7f00\n"), None);
        assert_eq!(argv("0 0x3 0x55d1aa 0x3\n"), None);
    }

    #[test]
    fn a_process_that_executes_nothing_has_no_such_arguments() {
        assert_eq!(arguments(std::process::id()), None);
    }

    #[test]
    fn strings_are_read_from_a_memory_up_to_their_end() {
        let text = c"--all";
        let memory = File::open("/proc/self/mem").unwrap();
        assert_eq!(string(&memory, text.as_ptr() as u64), Some(("--all".to_owned(), true)));
        assert_eq!(string(&memory, 8), None);
    }

    #[test]
    fn what_was_cut_off_is_not_taken_for_the_whole() {
        let memory = File::open("/proc/self/mem").unwrap();
        let read = |args: &[CString]| {
            let pointers: Vec<u64> = args.iter().map(|arg| arg.as_ptr() as u64).chain([0]).collect();
            list(&memory, pointers.as_ptr() as u64).unwrap()
        };
        let args = |count: usize, length: usize| vec![CString::new("x".repeat(length)).unwrap(); count];
        let summary = |found: Arguments| (found.args.len(), found.args[0].len(), found.whole);
        assert_eq!(summary(read(&args(ARGUMENTS_MAX, 1))), (ARGUMENTS_MAX, 1, true));
        assert_eq!(summary(read(&args(ARGUMENTS_MAX + 1, 1))), (ARGUMENTS_MAX, 1, false));
        assert_eq!(summary(read(&args(2, LENGTH - 1))), (2, LENGTH - 1, true));
        assert_eq!(summary(read(&args(2, LENGTH))), (2, LENGTH, false));
    }
}
