//! The caller's registers as it entered its syscall: x86-64, `struct pt_regs` (arch/x86/include/asm/ptrace.h). All but the
//! number's and the result's still stand at the syscall's exit.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
    programs::TracePointContext,
};

use crate::kernel::read::{Memory as _, Object};

const WORD: usize = 8;
/// `rdi`, `rsi`: the first two arguments.
const ARGUMENTS: [usize; 2] = [14 * WORD, 13 * WORD];
const ORIG_AX: usize = 15 * WORD;

/// In a record of a syscall's exit, after the common fields (events/syscalls/sys_exit_*/format).
const SYSCALL: usize = 8;
const RETURN_VALUE: usize = 16;

/// How a syscall ended.
#[derive(Clone, Copy)]
pub struct Returned {
    /// Its number (arch/x86/entry/syscalls/syscall_64.tbl).
    pub syscall: u32,
    /// Negative: an error.
    pub result: i64,
}

/// What a record of a `sys_exit_*` tracepoint says.
#[inline(always)]
pub fn returned(ctx: &TracePointContext) -> Option<Returned> {
    // SAFETY: the number and the return value are at these offsets in every such record.
    let (syscall, result) = unsafe { (ctx.read_at(SYSCALL).ok()?, ctx.read_at(RETURN_VALUE).ok()?) };
    Some(Returned { syscall, result })
}

/// The number of the syscall.
#[inline(always)]
pub fn syscall() -> Option<u64> {
    registers().read(ORIG_AX)
}

/// The syscall's first argument, or its second.
#[inline(always)]
pub fn argument(index: usize) -> Option<u64> {
    registers().read(*ARGUMENTS.get(index)?)
}

#[inline(always)]
fn registers() -> Object {
    // SAFETY: a helper without arguments, and one that takes its result.
    Object(unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as *const u8)
}
