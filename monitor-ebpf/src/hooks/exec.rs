//! Exec: what a process runs now. Labelled processes report their arguments; the others also the end of their
//! environment, so that the daemon can recognise an agent by it.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::bpf_probe_read_user,
    macros::{lsm, raw_tracepoint},
    programs::{LsmContext, RawTracePointContext},
};
use monitor_common::{
    event::{
        Header, kind,
        process::{ARGS_MAX, ENV_MAX, Exec, ExecCandidate, Execute, FILENAME_MAX},
    },
    loss::Loss,
    policy::{AnswerKey, InodeKey, VERDICT_ALLOW},
};

use crate::{
    decide::{hold, verdict},
    hooks::received,
    kernel::{self, Memory, Object, Structure, identity, offset},
    maps::{ACCESS, LIFECYCLE},
    report::{lost, ring},
};

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, include/trace/events/sched.h
/// (v6.1–v6.18); fs/exec.c:exec_binprm calls it when the new image is in place and has not run.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn process_exec(ctx: RawTracePointContext) -> i32 {
    let task = Object(ctx.arg::<*const u8>(0));
    let binprm = Object(ctx.arg::<*const u8>(2));
    match kernel::label(ctx.tgid()) {
        Some(label) => {
            received::executed(label.session, binprm);
            report(ctx.tgid(), label.session, task, binprm)
        }
        None => offer(ctx.tgid(), task, binprm),
    };
    0
}

#[inline(always)]
fn report(tgid: u32, session: u64, task: Object, binprm: Object) -> Option<()> {
    let mut entry = ring::reserve::<Exec>(&LIFECYCLE, Loss::Exec, session)?;
    fill(entry.as_mut_ptr(), entry.header(kind::EXEC, tgid, session), task, binprm);
    entry.submit();
    Some(())
}

#[inline(always)]
fn offer(tgid: u32, task: Object, binprm: Object) -> Option<()> {
    let mut entry = ring::reserve::<ExecCandidate>(&LIFECYCLE, Loss::Exec, 0)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
    unsafe {
        fill(&raw mut (*record).exec, entry.header(kind::EXEC, tgid, 0), task, binprm);
        let (start, size) = block(task, offset!(mm_env_start), offset!(mm_env_end));
        let len = kernel::bounded::<ENV_MAX>(size);
        let tail = start + size.saturating_sub(len as u64);
        let read = bpf_probe_read_user((&raw mut (*record).env).cast(), len, tail as *const _);
        (*record).exec.env_len = if read == 0 && size != 0 { len } else { 0 };
        (*record).exec.env_size = size as u32;
    }
    entry.submit();
    Some(())
}

#[inline(always)]
fn fill(record: *mut Exec, header: Header, task: Object, binprm: Object) {
    let leader = task.follow(offset!(task_group_leader)).unwrap_or(task);
    let (start, size) = block(task, offset!(mm_arg_start), offset!(mm_arg_end));
    let len = kernel::bounded::<ARGS_MAX>(size);
    // SAFETY: `record` is reserved ring memory of this layout; the lengths are bounded above.
    unsafe {
        (*record).header = header;
        (*record).start_ns = leader.read(offset!(task_start_boottime)).unwrap_or(0);
        let read = bpf_probe_read_user((&raw mut (*record).args).cast(), len, start as *const _);
        (*record).args_len = if read == 0 && size != 0 { len } else { 0 };
        (*record).args_size = size as u32;
        (*record).env_len = 0;
        (*record).env_size = 0;
        (*record).filename[0] = 0;
        let filename = (&raw mut (*record).filename).cast();
        let _ = binprm.read_string(offset!(binprm_filename), filename, FILENAME_MAX as u32);
    }
}

/// A block of the new image's memory that lies between two addresses of its `mm_struct`: start and size.
#[inline(always)]
fn block(task: Object, start: usize, end: usize) -> (u64, u64) {
    let Some(mm) = task.follow(offset!(task_mm)) else { return (0, 0) };
    let (Some(start), Some(end)) = (mm.read::<u64>(start), mm.read::<u64>(end)) else { return (0, 0) };
    (start, end.saturating_sub(start))
}

/// `LSM_HOOK(int, 0, bprm_check_security, struct linux_binprm *bprm)`, include/linux/lsm_hook_defs.h (v6.1–v7.2);
/// fs/exec.c:search_binary_handler calls it for the program and again for each interpreter.
#[lsm(hook = "bprm_check_security")]
pub fn bprm_check(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 1, |tgid, session| executes(tgid, session, Object(ctx.arg::<*const u8>(0))))
}

#[inline(always)]
fn executes(tgid: u32, session: u64, binprm: Object) -> i32 {
    if let Some(stopped) = hold::frozen(session) {
        return stopped.code;
    }
    let verdict = verdict::policy().map_or(VERDICT_ALLOW, |policy| policy.execute);
    if verdict == VERDICT_ALLOW {
        return 0;
    }
    let Some(file) = identity(binprm) else {
        lost::count(Loss::Read, session);
        return hold::EPERM; // fails closed: a rule wants to know, and what it is cannot be told
    };
    let key = AnswerKey::of_exec(session, file, tgid);
    let outcome = hold::decide(verdict, key);
    if let Some(mut entry) = ring::reserve::<Execute>(&ACCESS, Loss::Execute, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = entry.header(kind::EXECUTE, tgid, session);
            (*record).file = file;
            (*record).state = outcome.state;
            (*record).reserved = 0;
            (*record).filename[0] = 0;
            let filename = (&raw mut (*record).filename).cast();
            let _ = binprm.read_string(offset!(binprm_filename), filename, FILENAME_MAX as u32);
        }
        entry.submit();
    }
    outcome.code
}

#[inline(always)]
fn identity(binprm: Object) -> Option<InodeKey> {
    identity::of_inode(binprm.follow(offset!(binprm_file))?.follow(offset!(file_inode))?)
}
