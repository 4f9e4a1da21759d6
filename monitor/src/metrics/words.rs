//! Labels by the names of what is counted, and all that each of them may say. The nouns that have no list of their own, or
//! stand above this module, are listed here; `DISMISSED` is compared with its own by a test there.

use std::collections::BTreeSet;

use interlock_core::{facts::Kind, words::words};
use interlock_host::probes::table::{Backend, FEATURES};
use monitor_common::loss::LOSS_NAMES;

use crate::logfile::Change;

/// What became of a rule's action.
pub const MODES: [&str; 3] = ["enforce", "observe", "suspended"];
/// How an action is served.
pub const SERVED: [&str; 4] = ["best", "lesser", "failed", "none"];
pub const UNWATCHED: [&str; 3] = ["ended", "too-many", "refused"];
/// Package managers that are asked which registry they use.
pub const ASKED: [&str; 3] = ["npm", "yarn", "pip"];
pub const FILES: [&str; 2] = ["ledger", "events"];
pub const PURPOSES: [&str; 4] = ["release", "reset", "connections", "listener"];
pub const TOLD: [&str; 7] = ["line", "title", "bell", "folded", "stuck", "gone", "dropped"];
pub const DELIVERIES: [&str; 7] =
    ["delivered", "retried", "refused", "dropped", "expired", "escalated", "superseded"];
/// Which factor counted, or why none did.
pub const FACTORS: [&str; 11] = [
    "totp",
    "key",
    "missing",
    "not-enrolled",
    "other",
    "wrong",
    "locked",
    "signature",
    "again",
    "unusable",
    "malformed",
];
pub const DISMISSED: [&str; 8] = [
    "no-secret",
    "no-service",
    "own-service",
    "lists-processes",
    "own-memory",
    "session-over",
    "own-resolver",
    "unreadable",
];
/// Records that are put aside, and are no kind of fact.
const DISMISSED_ONLY: [&str; 3] = ["write", "greeting", "dns"];
/// Losses that no kernel counter tells of.
const OWN_LOSSES: [(&str, &str); 2] = [("daemon", "undecodable"), ("control", "event")];
pub const REQUESTS: [&str; 24] = [
    "status",
    "sessions",
    "enroll",
    "freeze",
    "thaw",
    "kill",
    "holds",
    "approve",
    "deny",
    "grants",
    "revoke",
    "explain",
    "statement",
    "factors",
    "factor add",
    "factor remove",
    "break-glass",
    "pause",
    "resume",
    "reload",
    "doctor",
    "notifier",
    "notifier test",
    "events",
];

/// Of decisions through the cluster, and the daemon's answers.
pub const VERDICTS: [&str; 3] = ["approve", "deny", "thaw"];
pub const ANSWERS: [&str; 5] = ["accepted", "not-permitted", "too-late", "invalid", "unproven"];

pub fn changes() -> Vec<&'static str> {
    Change::ALL.map(Change::word).into()
}

pub fn features() -> Vec<&'static str> {
    FEATURES.iter().map(|spec| spec.feature.name()).collect()
}

pub fn backends() -> [&'static str; 3] {
    [Backend::Lsm, Backend::Tracing, Backend::Portable].map(Backend::name)
}

pub fn dismissed_kinds() -> Vec<&'static str> {
    words::<Kind>().into_iter().chain(DISMISSED_ONLY).collect()
}

/// As (kind, reason): those that can be.
pub fn dismissals() -> Vec<Vec<&'static str>> {
    let late = words::<Kind>().into_iter().chain(["greeting"]).map(|kind| (kind, "session-over"));
    let secrets = ["open", "probe", "link"].map(|kind| (kind, "no-secret"));
    let services = [("delegate", "no-service"), ("delegate", "own-service"), ("write", "no-service")];
    let memory = ["unreadable", "lists-processes", "own-memory"].map(|reason| ("environ", reason));
    let all = late.chain(secrets).chain(services).chain(memory).chain([("dns", "own-resolver")]);
    all.map(|(kind, reason)| vec![kind, reason]).collect()
}

/// As (ring, kind).
pub fn losses() -> Vec<Vec<&'static str>> {
    LOSS_NAMES.into_iter().chain(OWN_LOSSES).map(|(ring, kind)| vec![ring, kind]).collect()
}

pub fn rings() -> Vec<&'static str> {
    distinct(0)
}

pub fn lost_kinds() -> Vec<&'static str> {
    distinct(1)
}

fn distinct(place: usize) -> Vec<&'static str> {
    let words: BTreeSet<&str> = losses().iter().filter_map(|set| set.get(place).copied()).collect();
    words.into_iter().collect()
}
