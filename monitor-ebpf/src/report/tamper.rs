//! Acts of labelled processes against other processes and against Interlock itself: one record for all of them.

use monitor_common::{
    event::{
        kind, state,
        tamper::{NAME_MAX, Tamper},
    },
    loss::Loss,
};

use crate::{
    decide::{hold::EPERM, verdict},
    kernel::{Object, Structure, offset},
    maps::ACCESS,
    report::ring,
};

/// What was attempted.
pub struct Attempt {
    /// One of `act`.
    act: u32,
    /// Process it was aimed at, 0 where there is none.
    target: u32,
    detail: u32,
    /// File it was aimed at; null where there is none.
    dentry: Object,
}

impl Attempt {
    /// On a process, or on none in particular.
    #[inline(always)]
    pub fn on(act: u32, target: u32, detail: u32) -> Self {
        Self { act, target, detail, dentry: Object(core::ptr::null()) }
    }

    #[inline(always)]
    pub fn at(act: u32, dentry: Object) -> Self {
        Self { act, target: 0, detail: 0, dentry }
    }
}

/// Reports an attempt, and refuses it where `refuse` says so. Returns the hook's answer.
#[inline(always)]
pub fn report(tgid: u32, session: u64, attempt: Attempt, refuse: bool) -> i32 {
    let refuse = refuse && !verdict::observes();
    if let Some(mut entry) = ring::reserve::<Tamper>(&ACCESS, Loss::Tamper, session) {
        let record = entry.as_mut_ptr();
        // SAFETY: `record` is the reserved memory; every field is written before it is submitted.
        unsafe {
            (*record).header = entry.header(kind::TAMPER, tgid, session);
            (*record).act = attempt.act;
            (*record).state = if refuse { state::REFUSED } else { state::PASSED };
            (*record).target = attempt.target;
            (*record).detail = attempt.detail;
            (*record).reserved = 0;
            (*record).name = [0; NAME_MAX];
            if !attempt.dentry.0.is_null() {
                let name = (&raw mut (*record).name).cast();
                let qstr = attempt.dentry.at(offset!(dentry_name));
                let _ = qstr.read_string(offset!(qstr_name), name, NAME_MAX as u32);
            }
        }
        entry.submit();
    }
    if refuse { EPERM } else { 0 }
}
