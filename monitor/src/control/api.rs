//! The control API's nouns: HTTP/JSON over the daemon's Unix socket, version 1.
//!
//! | method and path | answer |
//! | --- | --- |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/sessions` | [`SessionView`]s |
//! | `POST /v1/sessions` ([`Enroll`]) | [`SessionView`]: the caller itself is now a session's root |
//! | `POST /v1/sessions/{id}/freeze`, `…/kill`, `…/thaw` ([`Thaw`]) | [`SessionView`] |
//! | `GET /v1/holds` | [`HoldView`]s that wait, oldest first (`?all=true`: the last decided ones too; `?peek=true`: without counting them as shown) |
//! | `POST /v1/holds/{id}/approve` ([`Approval`]), `…/deny` ([`Denial`]) | [`HoldView`] |
//! | `GET /v1/grants` | [`GrantView`]s that stand |
//! | `POST /v1/grants/{id}/revoke` | [`GrantView`]s: what does not stand any more |
//! | `GET /v1/events` ([`Question`](crate::archive::Question)) | events, one JSON object a line |
//! | `GET /v1/explain/{id}` | [`Explanation`](interlock_core::explanation::Explanation) of an event or a hold (`?peek=true` as above) |
//! | `POST /v1/suspensions` ([`Suspend`](super::suspensions::Suspend)), `…/end` ([`Resume`](super::suspensions::Resume)) | [`SessionView`]s that it is about |
//! | `POST /v1/statements` ([`WantedStatement`](super::factors::WantedStatement)) | [`StatementView`](super::factors::StatementView): what a key is to sign |
//! | `GET /v1/factors` (`?user=UID`: another's, for root) | [`FactorView`](super::factors::FactorView)s |
//! | `POST /v1/factors` ([`NewFactor`](super::factors::NewFactor)), `…/{id}/remove` ([`FactorRemoval`](super::factors::FactorRemoval)) | what there is now |
//! | `POST /v1/rules/reload` | [`RulesView`] |
//! | `GET /v1/notifier` | [`TargetView`]s: whom the notifier tells, and how that goes; for admins |
//! | `POST /v1/notifier/test` ([`NotifyTry`]) | names of the targets that a test is sent to; for admins |
//! | `GET /v1/doctor` | [`Check`](interlock_core::health::Check)s |
//!
//! A refusal is [`Refusal`] with 403 (not permitted), 404 (no such thing), 409 (too late, wrong state) or 422.
//! The server itself refuses with 405, 413 (a body above 64 KiB), 503 (stopping) and 504 (no answer within 30 s).
//! A subscriber that was too slow finds the line `{"interlock.lost": n}` where `n` events are missing. Before the kept events
//! stands `{"interlock.forgotten": n, "interlock.session.id": …}` for each session of which `n` made room for newer ones; with `files=true`
//! `{"interlock.files": …}` ([`Notes`](crate::archive::Notes)) where something of the files is missing. Everybody gets the events of
//! their own sessions and of those that they may decide about; an event without `user.id` is root's alone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::suspensions::SuspensionView;
use crate::factor::check::Proof;
use interlock_core::{
    facts::{Action, Container, HoldState, Mode, Pod, SessionStatus, Severity, Terms},
    holds::extent::Scope,
    problem::Problems,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub started: Timestamp,
    pub mode: Mode,
    pub rules: RulesView,
    pub sessions: usize,
    pub holds_waiting: usize,
    pub frozen: usize,
    /// Sessions of which nothing is stopped at the moment: break-glass, or a pause.
    #[serde(default)]
    pub suspended: usize,
    /// Events since the start.
    pub events: u64,
    /// Records that could not be delivered, by `ring/kind`; empty when all were.
    pub lost: BTreeMap<String, u64>,
    /// Records that became no fact, by `kind/reason`: `open/no-secret` looked like a secret to the kernel and is none.
    #[serde(default)]
    pub dismissed: BTreeMap<String, u64>,
    /// What the hooks in force were seen to do when the daemon started.
    #[serde(default)]
    pub enforcement: Vec<Enforcement>,
    /// Package registries that were learned.
    #[serde(default)]
    pub registries: RegistriesView,
    /// Whether an approval counts that was clicked in a notification of the desktop.
    #[serde(default)]
    pub desktop_decides: bool,
    pub metrics: Option<String>,
    pub socket: String,
}

/// Package registries that were learned from the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RegistriesView {
    /// Hosts that count as a registry.
    pub known: usize,
    /// How often the package managers have said what they have compiled in, since the start.
    pub asked: u64,
    /// Package managers that did not say, each with the reason.
    pub failures: Vec<String>,
}

/// What was proven of an action's backend at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Enforcement {
    /// As in `interlock doctor`: `open`, `connect` …
    pub action: String,
    /// `lsm`, `tracing` or `portable`.
    pub backend: String,
    pub proven: bool,
    /// Why not.
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RulesView {
    pub count: usize,
    /// How many of them are built in.
    #[serde(default)]
    pub builtin: usize,
    /// Where the files say `builtin: replace`: `/etc/interlock/rules.d/own.yaml:2`.
    #[serde(default)]
    pub replaced: Option<String>,
    pub sha256: String,
    pub loaded: Timestamp,
    /// Why the last reload was refused; the rules above still apply.
    pub problem: Option<String>,
    /// The same as data, each mistake with its file, line and column.
    #[serde(default)]
    pub problems: Problems,
    /// Packs of the catalogues that the rules switch off, by name.
    #[serde(default)]
    pub packs_off: Vec<String>,
    /// Rules whose hold or denial is no more than an alert with the backends in force, each with its place and reason.
    #[serde(default)]
    pub weaker: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SessionView {
    pub id: String,
    /// Catalogue id of the agent: `claude-code`; `command` for `interlock run`.
    pub agent: String,
    /// How it was recognised: `executable`, `argv`, `environment NAME`, `adopted …`, `run`.
    pub recognised_by: String,
    /// Why nobody is there to answer: what a rule holds is denied at once. `None` where somebody may be.
    #[serde(default)]
    pub unattended: Option<String>,
    pub root: u32,
    pub command: String,
    /// Where its root began; `None` outside of every container.
    #[serde(default)]
    pub container: Option<Container>,
    /// What the cluster says of that one's pod, its owner a name of the cluster's; `None` while that is not known.
    #[serde(default)]
    pub pod: Option<Pod>,
    pub user: u32,
    pub workspace: Option<String>,
    pub started: Timestamp,
    pub processes: usize,
    pub status: SessionStatus,
    /// Secrets read, newest last, at most 32: `A foreign paas /home/x/.railway/config.json`.
    pub touched: Vec<String>,
    pub risk: u32,
    pub incomplete: bool,
    /// Jobs of a frozen session that stand by SIGSTOP and not in the freezer: their shells see that.
    #[serde(default)]
    pub by_signal: usize,
    /// Nothing of it is stopped until then.
    #[serde(default)]
    pub suspended: Option<SuspensionView>,
    /// It had the keys of its terminal and has them no more; `fg`, typed there, brings it back.
    #[serde(default)]
    pub background: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HoldView {
    /// Short: `h1`, `h2` …; unique in one state directory.
    pub id: String,
    pub state: HoldState,
    pub session: String,
    /// Uid of the session's owner; `None` of a hold that an earlier version saved.
    #[serde(default)]
    pub user: Option<u32>,
    pub agent: String,
    /// The pod that its session is in, as the cluster says.
    #[serde(default)]
    pub pod: Option<Pod>,
    pub pid: u32,
    pub command: String,
    /// Further processes that wait for the same answer, each as `PID COMMAND`.
    #[serde(default)]
    pub others: Vec<String>,
    /// `backboard.railway.app:443 (66.33.22.1)`.
    pub destination: String,
    pub rule: String,
    pub summary: String,
    pub severity: Severity,
    /// What the session touched that the rule counts.
    pub because: Vec<String>,
    pub since: Timestamp,
    /// The same by the boot clock, ns.
    #[serde(default)]
    pub asked_ns: u64,
    /// What of this is hashed, in short: the first 16 digits of [`HoldView::evidence_sha256`]. An approval names it.
    #[serde(default)]
    pub evidence: String,
    /// SHA-256 over what a person is shown of it, hexadecimal; `docs/audit.md` has the bytes.
    #[serde(default)]
    pub evidence_sha256: String,
    /// What its rule asks of an approval.
    #[serde(default)]
    pub terms: Terms,
    /// Persons who have approved it as it stands, where the terms ask for more than one.
    #[serde(default)]
    pub approvals: Vec<ApprovalView>,
    /// When silence is answered, and how.
    pub deadline: Option<Timestamp>,
    pub then: Action,
    pub decided_by: Option<String>,
    #[serde(default)]
    pub decided: Option<Timestamp>,
    /// Why, as who decided says.
    #[serde(default)]
    pub reason: Option<String>,
    /// A process that is stopped by the hold is a job whose shell has the terminal's keys now; once it goes on, `fg`, typed
    /// there, brings it back.
    #[serde(default)]
    pub background: bool,
}

/// What an approval lets a session do again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GrantView {
    /// `g7` is the grant of the hold `h7`.
    pub id: String,
    pub session: String,
    /// `connect backboard.railway.app:443`, `provider railway`, `class infra`, `open /home/x/.pgpass`.
    pub covers: String,
    pub scope: Scope,
    /// The rule that held what was approved; empty of a grant that an earlier version saved.
    pub rule: String,
    pub by: String,
    pub since: Timestamp,
    /// `None`: until the session ends.
    pub until: Option<Timestamp>,
    /// How many more times; `None`: as often as it likes.
    pub left: Option<u32>,
}

/// One person's yes of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ApprovalView {
    pub by: String,
    pub at: Timestamp,
    pub reason: Option<String>,
}

/// How far an approval reaches, and what it stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Also let the session's further connections to the same destination through, for so many seconds.
    pub for_seconds: Option<u64>,
    /// Also so many further times.
    #[serde(default)]
    pub times: Option<u32>,
    /// Also as long as the session lives.
    #[serde(default)]
    pub session: bool,
    /// What of that is let through: the same object, or all of its provider or class, under the same rule.
    #[serde(default)]
    pub scope: Scope,
    /// How many [`HoldView::others`] the person was shown. Where more wait by now, it is refused, whoever else has seen them. Without
    /// it, it counts what was shown to anybody.
    #[serde(default)]
    pub seen: Option<usize>,
    /// [`HoldView::evidence`] as the person was shown it, or more digits of its hash. Where the hold is about something else by
    /// now, it is refused.
    #[serde(default)]
    pub evidence: Option<String>,
    /// Why: one line of plain text, at most 500 characters.
    #[serde(default)]
    pub reason: Option<String>,
    /// A code or a signature, where the hold's terms ask for one, or whoever approves has enrolled one.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// It was clicked in a notification that this process showed: the daemon refuses it where a session could have clicked.
    #[serde(default)]
    pub desktop: Option<u32>,
}

/// What a thaw stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thaw {
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// A no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// As of an approval.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the person was shown. It is recorded, and a no counts whatever it was.
    #[serde(default)]
    pub evidence: Option<String>,
}

/// Makes the calling process the root of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// What is about to be executed, for the screen.
    pub command: Vec<String>,
}

/// One target of the notifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TargetView {
    pub name: String,
    /// `webhook`, `ntfy`, `slack`, `matrix` or `telegram`.
    pub kind: String,
    /// Messages that are not told yet, and since when the oldest is there.
    pub waiting: usize,
    pub oldest: Option<Timestamp>,
    /// When the last one was delivered; `None`: none since the start.
    pub delivered: Option<Timestamp>,
    /// Since when attempts fail, and why the last one did.
    pub failing_since: Option<Timestamp>,
    pub why: Option<String>,
    /// Messages that will never be told: refused, stale, or without room.
    pub lost: u64,
    /// Messages of all targets that are only in memory, because the state directory could not be written.
    pub unwritten: u64,
    /// The last test.
    pub test: Option<NotifyTest>,
}

/// What became of a test message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NotifyTest {
    pub id: String,
    /// `delivered`, `retried: …`, `refused: …`; `None` before the first attempt has ended.
    pub outcome: Option<String>,
    pub delivered: bool,
}

/// Whom to send a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyTry {
    /// One target; without it, each.
    pub target: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Refusal {
    pub error: String,
    pub hint: Option<String>,
}
