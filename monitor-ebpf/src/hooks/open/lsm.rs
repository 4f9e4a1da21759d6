//! Every open of every process, whatever syscall or io_uring operation it came by: by `lsm/file_open`, where it can be
//! held and denied, or by fentry of the function that calls the hook, where it can be seen.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit, lsm},
    programs::{FEntryContext, FExitContext, LsmContext},
};

use super::{failed, judge};
use crate::{
    decide::hold::{self, HookPhase},
    kernel::{self, Object, Structure, Typed, offset},
};

/// `LSM_HOOK(int, 0, file_open, struct file *file)`, include/linux/lsm_hook_defs.h (v6.1–v7.2);
/// fs/open.c:do_dentry_open calls it.
#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 1, |tgid, session| match hold::frozen(session) {
        Some(stopped) => stopped.code,
        None => judge(tgid, session, Typed(ctx.arg::<*const u8>(0)), HookPhase::Before).code,
    })
}

/// `int security_file_open(struct file *file)`, security/security.c (v6.1–v7.2). The data is not yet in the program's
/// hands, but the open goes on: seen and counted as a touch, not stopped.
#[fentry(function = "security_file_open")]
pub fn security_file_open(ctx: FEntryContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    kernel::stop_if_frozen(label.session);
    judge(ctx.tgid(), label.session, Typed(ctx.arg::<*const u8>(0)), HookPhase::After);
    0
}

/// `struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)`, fs/namei.c (v6.1–v7.0; `do_file_open` since):
/// an open that failed is only a name, but a secret's name.
#[fexit(function = "do_filp_open")]
pub fn open_failed(ctx: FExitContext) -> i32 {
    let Some(label) = kernel::label(ctx.tgid()) else { return 0 };
    let result: i64 = ctx.arg(3);
    // IS_ERR (include/linux/err.h)
    if (-4095..0).contains(&result) {
        let name = Object(ctx.arg::<*const u8>(1)).follow(offset!(filename_name));
        let _ = name.and_then(|name| {
            failed::failed(ctx.tgid(), label.session, result as i32, failed::Path::Kernel(name))
        });
    }
    0
}
