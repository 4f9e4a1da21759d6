//! Whom a session has met, and what each of them has told the other.

use monitor_common::{
    event::{kind, meeting::Meeting},
    loss::Loss,
    policy::{MET_MAX, Pair},
};

use crate::{
    decide::verdict,
    kernel::atomic,
    maps::{ACCESS, MET, SESSIONS, SHARED},
    report::{lost, ring},
};

/// Each of the two counts as having touched what the other has. Functions one after another, as [`super::first_at_pipe`] says why.
#[inline(always)]
pub fn met(session: u64, other: u64, how: u64) {
    if other == session {
        return;
    }
    let known = remember(session, other);
    if known != OVER {
        let is_new = (remember(other, session) == NEW) | (known == NEW);
        exchange(session, other, how, is_new as u64);
    }
}

/// What [`remember`] returns.
const OVER: u64 = 0;
const KNOWN: u64 = 1;
const NEW: u64 = 2;

#[inline(never)]
fn exchange(session: u64, other: u64, how: u64, is_new: u64) -> u64 {
    // Both before either is told, so that nobody gets back what it gave.
    let (mine, theirs) = (verdict::touched(session), verdict::touched(other));
    let (own, others) = (share(session, other, theirs, mine), share(other, session, mine, theirs));
    if own == NOTHING_NEW && others == NOTHING_NEW && is_new == 0 {
        return 0;
    }
    let tgid = (aya_ebpf::helpers::bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(mut entry) = ring::reserve::<Meeting>(&ACCESS, Loss::Meeting, session) {
        let header = entry.header(kind::MEETING, tgid, session);
        entry.write(Meeting {
            header,
            other,
            touch: touch(own),
            other_touch: touch(others),
            how: how as u32,
            reserved: 0,
        });
        entry.submit();
    } else {
        lost::count(Loss::Meeting, other);
    }
    0
}

/// What [`share`] gives for two that have met before, and have touched nothing since.
const NOTHING_NEW: u64 = u64::MAX;

#[inline(always)]
fn touch(shared: u64) -> u64 {
    if shared == NOTHING_NEW { 0 } else { shared }
}

/// The number of the touch that a meeting is to a session; 0: none that rules care about. What it `gave` the other one has from it.
#[inline(always)]
fn share(to: u64, from: u64, touched: u64, gave: u64) -> u64 {
    let pair = Pair { to, from };
    // SAFETY: copied out at once.
    let known = unsafe { SHARED.get(pair) }.copied();
    let news = touched & !known.unwrap_or(0);
    if news == 0 && known.is_some() {
        return NOTHING_NEW;
    }
    let _ = SHARED.insert(pair, touched | gave, 0);
    verdict::share(to, news)
}

/// Notes whom a session has met, so that what it touches later makes them ask again. A place of its own for each CPU that notes at the
/// same time; those of sessions that are over first, then the oldest.
#[inline(never)]
fn remember(session: u64, other: u64) -> u64 {
    if SESSIONS.get_ptr(other).is_none() {
        return OVER;
    }
    let Some(met) = MET.get_ptr_mut(session) else {
        lost::count(Loss::Meeting, session); // the daemon makes the entry with the session's
        return KNOWN;
    };
    for place in 0..MET_MAX {
        if verdict::met_at(met, place) == other {
            return KNOWN;
        }
    }
    // SAFETY: a map value stays allocated while a program runs (RCU); aligned, and the mask keeps it within the array.
    unsafe {
        let mut place = 0;
        // Once round, and one further: the next one then takes the place after.
        for _ in 0..=MET_MAX {
            place = (atomic::increment(&raw mut (*met).written) - 1) as usize & (MET_MAX - 1);
            if SESSIONS.get_ptr(verdict::met_at(met, place)).is_none() {
                break;
            }
        }
        (&raw mut (*met).sessions).cast::<u64>().add(place & (MET_MAX - 1)).write(other);
    }
    NEW
}
