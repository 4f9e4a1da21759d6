//! The syscall hold: the caller is stopped before the act, and the kernel restarts the syscall by itself once it is
//! continued, so the same hook asks again. An answer lets it through or refuses it; a stray SIGCONT only meets the hook
//! once more.

use aya_ebpf::{EbpfContext as _, helpers::generated::bpf_ktime_get_boot_ns, programs::LsmContext};
use monitor_common::{
    event::state,
    policy::{AnswerKey, VERDICT_ALLOW, VERDICT_ASK_IF_GATED, VERDICT_DENY},
};

use crate::{
    decide::verdict,
    kernel::{self, Memory, atomic, offset, pt_regs},
    maps::ANSWERS,
};

pub const EPERM: i32 = -1;

/// Runs `act` (tgid, session → return value) for a labelled caller whom no program before on this hook has refused.
/// `result` is the index of the argument that holds their answer.
#[inline(always)]
pub fn for_labelled(ctx: &LsmContext, result: usize, act: impl FnOnce(u32, u64) -> i32) -> i32 {
    let refused: i32 = ctx.arg(result);
    if refused != 0 {
        return settle(REFUSED_BY_ANOTHER);
    }
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    settle(act(ctx.tgid(), label.session))
}

/// A hook's return value, in a form the verifier follows: it wants a known range (v6.12), and LLVM would compute the
/// number instead of branching on it.
#[inline(always)]
pub fn settle(code: i32) -> i32 {
    if code == 0 {
        0
    } else if code == RESTART {
        core::hint::black_box(RESTART as i64) as i32
    } else {
        core::hint::black_box(EPERM as i64) as i32
    }
}

/// What a hook returns where another program on it has refused already. Not that program's own number: the verifier
/// (v6.12) wants a value whose range it knows.
const REFUSED_BY_ANOTHER: i32 = EPERM;
/// `-ERESTARTNOINTR`, include/linux/errno.h.
pub const RESTART: i32 = -513;
/// include/linux/sched.h (v6.1–v7.2).
const PF_IO_WORKER: u32 = 0x10;
/// x86-64 syscall number (arch/x86/entry/syscalls/syscall_64.tbl).
const IO_URING_ENTER: u64 = 426;

/// What becomes of the act: the record's state, and the hook's return value.
pub struct Outcome {
    pub state: u32,
    pub code: i32,
}

pub const PASS: Outcome = Outcome { state: state::PASSED, code: 0 };

/// Decides an act that the verdict table answers with `verdict`, and stops a caller who must wait.
#[inline(always)]
pub fn decide(verdict: u32, key: AnswerKey) -> Outcome {
    match decision(verdict, key) {
        Decision::Pass => PASS,
        Decision::Commit => Outcome { state: state::COMMITTED, code: 0 },
        Decision::Refuse => Outcome { state: state::REFUSED, code: EPERM },
        Decision::Ask => stop(),
    }
}

/// What the table and the daemon's answers say of an act.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Pass,
    /// It goes on by an answer, which is used up.
    Commit,
    Refuse,
    /// There is no answer yet.
    Ask,
}

#[inline(always)]
pub fn decision(verdict: u32, key: AnswerKey) -> Decision {
    if passes(verdict, key.session) {
        return Decision::Pass;
    }
    if verdict == VERDICT_DENY {
        return Decision::Refuse;
    }
    // VERDICT_ASK; an unknown number fails closed by asking too.
    match answer(key) {
        Some(VERDICT_ALLOW) => Decision::Commit,
        Some(_) => Decision::Refuse,
        None => Decision::Ask,
    }
}

/// Whether the act has to wait: [`decision`] would say so. Uses no answer up.
#[inline(always)]
pub fn waits(verdict: u32, key: AnswerKey) -> bool {
    if passes(verdict, key.session) || verdict == VERDICT_DENY {
        return false;
    }
    let Some(answer) = ANSWERS.get_ptr(key) else { return true };
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned reads.
    unsafe {
        (*answer).until_ns <= bpf_ktime_get_boot_ns()
            || ((*answer).verdict == VERDICT_ALLOW && (*answer).uses == 0)
    }
}

#[inline(always)]
fn passes(verdict: u32, session: u64) -> bool {
    verdict == VERDICT_ALLOW
        || verdict::observes()
        || (verdict == VERDICT_ASK_IF_GATED && verdict::gate(session).is_some_and(|gate| !gate.closed))
}

/// Stops a caller whose session is frozen; `None` where it is not.
#[inline(always)]
pub fn frozen(session: u64) -> Option<Outcome> {
    if kernel::is_frozen(session) { Some(stop()) } else { None }
}

#[inline(always)]
fn stop() -> Outcome {
    if in_io_uring() {
        return Outcome { state: state::REFUSED_IO_URING, code: EPERM };
    }
    kernel::stop();
    Outcome { state: state::ASKED, code: RESTART }
}

/// The answer that stands, used once.
#[inline(always)]
fn answer(key: AnswerKey) -> Option<u32> {
    let answer = ANSWERS.get_ptr_mut(key)?;
    // SAFETY: a map value stays allocated while a program runs (RCU); the counter is only changed atomically.
    unsafe {
        if (*answer).until_ns <= bpf_ktime_get_boot_ns() {
            return None;
        }
        if (*answer).verdict != VERDICT_ALLOW {
            return Some(VERDICT_DENY);
        }
        // Two threads may use the last one at once: the one that finds 0 has come too late and puts it back.
        if atomic::decrement(&raw mut (*answer).uses) == 0 {
            atomic::increment(&raw mut (*answer).uses);
            return None;
        }
    }
    Some(VERDICT_ALLOW)
}

/// Whether the act comes from io_uring, where no syscall can be restarted: one of its workers, or a submission.
#[inline(always)]
fn in_io_uring() -> bool {
    if kernel::current_task().read::<u32>(offset!(task_flags)).is_none_or(|flags| flags & PF_IO_WORKER != 0) {
        return true; // unreadable: the answer that needs no restart
    }
    pt_regs::syscall() == Some(IO_URING_ENTER)
}

/// Whether the act can still be stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HookPhase {
    Before,
    After,
}
