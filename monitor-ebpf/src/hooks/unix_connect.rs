//! Delegation: a process outside of the tree is asked, over a Unix socket, to do something.

use aya_ebpf::{
    EbpfContext as _,
    helpers::{
        bpf_probe_read_user, generated::bpf_probe_read_kernel_str, generated::bpf_probe_read_user_str,
    },
    macros::{fentry, lsm},
    programs::{FEntryContext, LsmContext, TracePointContext},
};
use monitor_common::{
    event::{
        delegate::{Delegate, PATH_MAX},
        kind, state,
    },
    hash,
    loss::Loss,
    policy::{AnswerKey, VERDICT_ALLOW},
};

use crate::{
    decide::{
        hold::{self, HookPhase, PASS},
        verdict,
    },
    hooks::meeting,
    kernel::{self, Object, Structure, abi::AF_UNIX, name_hash, offset},
    maps::{ACCESS, SERVICE_NAMES},
    report::{lost, ring},
};

/// `offsetof(struct sockaddr_un, sun_path)`, include/uapi/linux/un.h.
const SUN_PATH: usize = 2;
/// `connect`'s second argument in its tracepoint's record.
const ADDRESS: usize = 24;

/// `LSM_HOOK(int, 0, unix_stream_connect, struct sock *sock, struct sock *other, struct sock *newsk)` (v6.1–v7.2).
#[lsm(hook = "unix_stream_connect")]
pub fn unix_stream_connect(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 3, |tgid, session| {
        let listener = Object(ctx.arg::<*const u8>(1));
        meets(session, listener);
        asked(tgid, session, listener, HookPhase::Before)
    })
}

/// `LSM_HOOK(int, 0, unix_may_send, struct socket *sock, struct socket *other)` (v6.1–v7.2): a datagram socket connects,
/// or sends without having connected.
#[lsm(hook = "unix_may_send")]
pub fn unix_may_send(ctx: LsmContext) -> i32 {
    hold::for_labelled(&ctx, 2, |tgid, session| {
        match Object(ctx.arg::<*const u8>(1)).follow(offset!(socket_sk)) {
            Some(other) => asked(tgid, session, other, HookPhase::Before),
            None => 0,
        }
    })
}

/// `int security_unix_stream_connect(struct sock *sock, struct sock *other, struct sock *newsk)`, security/security.c
/// (v6.1–v7.2).
#[fentry(function = "security_unix_stream_connect")]
pub fn security_unix_stream_connect(ctx: FEntryContext) -> i32 {
    if let Some(label) = kernel::label(ctx.tgid()) {
        let listener = Object(ctx.arg::<*const u8>(1));
        meets(label.session, listener);
        asked(ctx.tgid(), label.session, listener, HookPhase::After);
    }
    0
}

/// Who listens is met, also where the connect fails after this.
#[inline(always)]
fn meets(session: u64, listener: Object) {
    if meeting::peer(session, listener).is_none() {
        lost::count(Loss::Read, session);
    }
}

/// Looks at the name that the listener bound, which no link or mount of the caller's changes.
#[inline(always)]
fn asked(tgid: u32, session: u64, listener: Object, phase: HookPhase) -> i32 {
    let Some(address) = listener.follow(offset!(unix_sock_addr)) else { return 0 }; // one of a pair: has no name
    let Some(mut entry) = ring::reserve::<Delegate>(&ACCESS, Loss::Delegate, session) else { return 0 };
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory of which `path` is PATH_MAX bytes.
    let (text, length) = unsafe {
        let path = address.at(offset!(unix_address_name)).at(SUN_PATH);
        let target = (&raw mut (*record).path).cast();
        let length = bpf_probe_read_kernel_str(target, PATH_MAX as u32, path.0.cast());
        (&(*record).path, length)
    };
    // An abstract name begins with NUL.
    let name = if length < 2 { 0 } else { service(text, length as usize - 1) };
    if name == 0 {
        entry.discard();
        return 0;
    }
    let key = AnswerKey::of_service(session, name);
    let verdict = verdict::policy().map_or(VERDICT_ALLOW, |policy| policy.delegate);
    let outcome = if phase == HookPhase::Before { hold::decide(verdict, key) } else { PASS };
    // SAFETY: as above; these fields complete the record.
    unsafe {
        (*record).header = entry.header(kind::DELEGATE, tgid, session);
        (*record).name = name;
        (*record).state = outcome.state;
        (*record).reserved = 0;
    }
    entry.submit();
    outcome.code
}

/// Hash under which the table knows a path: its file name's, or that with its directory's; 0: it does not.
#[inline(always)]
fn service(text: &[u8; PATH_MAX], length: usize) -> u64 {
    let pass = name_hash::pass(text, length);
    let (alone, below) = (pass.file.exact, hash::pair(pass.parent.0, pass.file.exact));
    // SAFETY: presence tests.
    unsafe {
        if SERVICE_NAMES.get(alone).is_some() {
            alone
        } else if SERVICE_NAMES.get(below).is_some() {
            below
        } else {
            0
        }
    }
}

/// At the entry of `connect`, where nothing else is known of a Unix socket than the path the caller gives.
#[inline(always)]
pub fn entered(ctx: &TracePointContext) {
    let Some(label) = kernel::label(ctx.tgid()) else { return };
    // SAFETY: the argument is at this offset in the syscall's sys_enter_* record.
    let Ok(address) = (unsafe { ctx.read_at::<u64>(ADDRESS) }) else { return };
    // SAFETY: bpf_probe_read_user accepts any address.
    let family: Result<u16, i32> = unsafe { bpf_probe_read_user(address as *const u16) };
    if family != Ok(AF_UNIX) {
        return;
    }
    let Some(mut entry) = ring::reserve::<Delegate>(&ACCESS, Loss::Delegate, label.session) else { return };
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is the reserved memory of which `path` is PATH_MAX bytes; every field is written before it is
    // submitted.
    unsafe {
        let target = (&raw mut (*record).path).cast();
        let path = (address as usize + SUN_PATH) as *const _;
        if bpf_probe_read_user_str(target, PATH_MAX as u32, path) < 2 {
            entry.discard();
            return;
        }
        (*record).header = entry.header(kind::DELEGATE, ctx.tgid(), label.session);
        (*record).name = 0;
        (*record).state = state::PASSED;
        (*record).reserved = 0;
    }
    entry.submit();
}
