//! The metrics, and what is counted by each.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::{CounterVec, Histogram, IntCounter, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use super::{
    labels::Limited,
    maker::Maker,
    words::{action_name, state_name},
};
use interlock_core::facts::{Action, HoldState};

/// Rules, agents and programs that get a label of their own; further ones are counted as `other`.
pub const DISTINCT: usize = 512;
/// 10 µs to 1 s.
const DECISION_SECONDS: [f64; 11] = [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0];
/// A machine's answer to a person who was away: 1 ms to 1 h.
const WAIT_SECONDS: [f64; 10] = [1e-3, 0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// Every metric of the daemon, in a registry of its own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Held while labels are replaced and while the page is written: no page shows half of either.
    page: Mutex<()>,
    events: IntCounterVec,
    lost: IntCounterVec,
    dismissed: IntCounterVec,
    misses: IntCounterVec,
    rule_matches: IntCounterVec,
    guard_faults: IntCounterVec,
    rule_names: Limited,
    holds: IntGaugeVec,
    hold_wait: Histogram,
    decision: Histogram,
    sessions: IntGaugeVec,
    unwatched: IntCounterVec,
    enforcement: IntGaugeVec,
    proven: IntGaugeVec,
    program_seconds: CounterVec,
    program_names: Limited,
    rules_info: IntGaugeVec,
    packs: IntGaugeVec,
    registries: IntGaugeVec,
    package_lookup_failures: IntCounterVec,
    ledger_head: IntGaugeVec,
    ledger_checkpoint: IntGaugeVec,
    file_changes: IntCounterVec,
    searches_cut_short: IntCounterVec,
    requests_refused: IntCounterVec,
    notifications: IntCounterVec,
    notifier_outbox: IntGaugeVec,
    notifier_oldest: IntGaugeVec,
    pub notifier_dropped: IntCounter,
    terminal_messages: IntCounterVec,
    factor_checks: IntCounterVec,
    pub freezes: IntCounter,
    pub frozen_by_signal: IntCounter,
    pub kills: IntCounter,
    pub rules_reload_failures: IntCounter,
    pub ledger_records: IntCounter,
    pub ledger_records_lost: IntCounter,
    pub ledger_checkpoint_failures: IntCounter,
    pub outbox_dropped: IntCounter,
    pub outbox_failed: IntCounter,
    pub dns_malformed: IntCounter,
    pub dns_streams_given_up: IntCounter,
    pub names_evicted: IntCounter,
}

impl Metrics {
    /// # Errors
    /// Never in practice: a metric's name would have to be malformed or used twice.
    pub fn new() -> prometheus::Result<Self> {
        let make = Maker(Registry::new_custom(Some("interlock".into()), None)?);
        let build = make.gauges("build_info", "The running build.", &["version", "revision"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), revision()]).set(1);
        Ok(Self {
            events: make.counters("events_total", "Events from the kernel.", &["kind"])?,
            lost: make.counters(
                "events_lost_total",
                "Records that could not be delivered.",
                &["ring", "kind"],
            )?,
            dismissed: make.counters(
                "records_dismissed_total",
                "Records that became no fact: to the kernel they looked like more than they were.",
                &["kind", "reason"],
            )?,
            misses: make.counters(
                "program_recursion_misses_total",
                "Times that a kernel program was left out because it ran already: what happened then was not seen.",
                &["program"],
            )?,
            rule_matches: make.counters("rule_matches_total", "Rules that matched.", &["rule", "action"])?,
            guard_faults: make.counters(
                "guard_faults_total",
                "Guards that could not be computed; a rule that stops something counts as met then.",
                &["rule"],
            )?,
            rule_names: Limited::to(DISTINCT),
            holds: make.gauges(
                "holds",
                "Holds by state; of the decided ones those in memory.",
                &["state"],
            )?,
            hold_wait: make.histogram(
                "hold_wait_seconds",
                "From the hold to its decision.",
                &WAIT_SECONDS,
            )?,
            decision: make.histogram(
                "decision_seconds",
                "From the kernel's record to the decision by rule.",
                &DECISION_SECONDS,
            )?,
            sessions: make.gauges("sessions", "Live agent sessions.", &["agent"])?,
            unwatched: make.counters(
                "sessions_unwatched_total",
                "Agents that were recognised and run without a session.",
                &["reason"],
            )?,
            enforcement: make.gauges(
                "enforcement_active",
                "1 for the backend that is in force for an action.",
                &["action", "backend"],
            )?,
            proven: make.gauges(
                "enforcement_proven",
                "1 where a trial at the start showed that the backend does what it promises, else 0.",
                &["action", "backend"],
            )?,
            program_seconds: make.seconds(
                "program_seconds_total",
                "Time spent in a kernel program.",
                "program",
            )?,
            program_names: Limited::to(DISTINCT),
            rules_info: make.gauges("rules_info", "The rules in force.", &["sha256"])?,
            packs: make.gauges(
                "rule_pack_enabled",
                "1 where rules act on a provider's secrets and hosts, 0 where its pack is switched off.",
                &["pack"],
            )?,
            registries: make.gauges(
                "package_registries",
                "Hosts that count as a registry, by the package manager that they were learned from.",
                &["tool"],
            )?,
            package_lookup_failures: make.counters(
                "package_lookup_failures_total",
                "Package managers that did not say which registry they use.",
                &["tool"],
            )?,
            ledger_head: make.gauges("ledger_head_info", "The ledger's last record.", &["hash"])?,
            ledger_checkpoint: make.gauges(
                "ledger_checkpoint_info",
                "The newest signed checkpoint of the ledger.",
                &["records", "root"],
            )?,
            file_changes: make.counters(
                "file_changes_total",
                "Times that another program renamed, removed or truncated a file of records.",
                &["file", "change"],
            )?,
            requests_refused: make.counters(
                "requests_refused_total",
                "Requests of users who may not ask for that.",
                &["request"],
            )?,
            searches_cut_short: make.counters(
                "descriptor_searches_cut_short_total",
                "Searches among a session's descriptors that ended before they were through, by purpose.",
                &["purpose"],
            )?,
            notifications: make.counters(
                "notifications_total",
                "Messages of the notifier by target and by what became of them.",
                &["target", "outcome"],
            )?,
            notifier_outbox: make.gauges(
                "notifier_outbox",
                "Messages that a target was not told yet.",
                &["target"],
            )?,
            notifier_oldest: make.gauges(
                "notifier_oldest_seconds",
                "Age of the oldest message that a target was not told yet; 0 where there is none.",
                &["target"],
            )?,
            notifier_dropped: make
                .counter("notifier_dropped_total", "Messages dropped as the notifier's queue was full.")?,
            terminal_messages: make.counters(
                "terminal_messages_total",
                "What was told on sessions' terminals, by what became of it.",
                &["outcome"],
            )?,
            factor_checks: make.counters(
                "factor_checks_total",
                "Codes and signatures that were looked at, by which counted (totp, key) or why none did.",
                &["result"],
            )?,
            freezes: make.counter("freezes_total", "Sessions frozen.")?,
            frozen_by_signal: make.counter(
                "frozen_by_signal_total",
                "Jobs that a freeze stopped by SIGSTOP, as the freezer could not be had for them.",
            )?,
            kills: make.counter("kills_total", "Sessions killed.")?,
            rules_reload_failures: make.counter("rules_reload_failures_total", "Reloads refused.")?,
            ledger_records: make.counter("ledger_records_total", "Records written to the ledger.")?,
            ledger_records_lost: make
                .counter("ledger_records_lost_total", "Records that the ledger did not take.")?,
            ledger_checkpoint_failures: make.counter(
                "ledger_checkpoint_failures_total",
                "Checkpoints of the ledger that could not be signed or written.",
            )?,
            outbox_dropped: make.counter("outbox_dropped_total", "Alerts dropped as the outbox was full.")?,
            outbox_failed: make
                .counter("outbox_failed_total", "Events that could not be written to events.jsonl.")?,
            dns_malformed: make.counter("dns_malformed_total", "DNS answers that could not be read.")?,
            dns_streams_given_up: make.counter(
                "dns_streams_given_up_total",
                "DNS connections that could not be followed to their end.",
            )?,
            names_evicted: make
                .counter("names_evicted_total", "Names of addresses that made room for newer ones.")?,
            page: Mutex::default(),
            registry: make.0,
        })
    }

    /// One fact; `kind` is [`super::kind_name`]'s.
    pub fn event(&self, kind: &'static str) {
        self.events.with_label_values(&[kind]).inc();
    }

    /// `count` more records that could not be delivered.
    pub fn lost(&self, ring: &'static str, kind: &'static str, count: u64) {
        self.lost.with_label_values(&[ring, kind]).inc_by(count);
    }

    /// Records lost so far, as a kernel counter says; see [`monitor_common::loss::LOSS_NAMES`].
    pub fn lost_total(&self, ring: &'static str, kind: &'static str, total: u64) {
        let counter = self.lost.with_label_values(&[ring, kind]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    /// A record that became no fact.
    pub fn dismissed(&self, kind: &'static str, reason: &'static str) {
        self.dismissed.with_label_values(&[kind, reason]).inc();
    }

    /// How often `program` was left out so far, as the kernel says.
    pub fn misses_total(&self, program: &str, total: u64) {
        let counter = self.misses.with_label_values(&[self.program_names.admit(program)]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    pub fn rule_matched(&self, rule: &str, action: Action) {
        let rule = self.rule_names.admit(rule);
        self.rule_matches.with_label_values(&[rule, action_name(action)]).inc();
    }

    pub fn guard_failed(&self, rule: &str) {
        self.guard_faults.with_label_values(&[self.rule_names.admit(rule)]).inc();
    }

    pub fn holds(&self, state: HoldState, count: usize) {
        self.holds.with_label_values(&[state_name(state)]).set(gauge(count));
    }

    pub fn hold_waited(&self, wait: Duration) {
        self.hold_wait.observe(wait.as_secs_f64());
    }

    pub fn decided(&self, took: Duration) {
        self.decision.observe(took.as_secs_f64());
    }

    /// Live sessions by agent; agents that are not named have none.
    pub fn sessions<'a>(&self, by_agent: impl IntoIterator<Item = (&'a str, usize)>) {
        let _page = self.settle();
        self.sessions.reset();
        let names = Limited::to(DISTINCT);
        for (agent, count) in by_agent {
            self.sessions.with_label_values(&[names.admit(agent)]).add(gauge(count));
        }
    }

    /// An agent that runs without a session.
    pub fn sessions_unwatched(&self, reason: &'static str) {
        self.unwatched.with_label_values(&[reason]).inc();
    }

    /// The backend in force for each action, as `(action, backend)`.
    pub fn enforcement<'a>(&self, active: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let _page = self.settle();
        self.enforcement.reset();
        for (action, backend) in active.into_iter().take(DISTINCT) {
            self.enforcement.with_label_values(&[action, backend]).set(1);
        }
    }

    /// Whether each backend in force was proven, as `(action, backend, proven)`.
    pub fn proven<'a>(&self, proofs: impl IntoIterator<Item = (&'a str, &'a str, bool)>) {
        let _page = self.settle();
        self.proven.reset();
        for (action, backend, proven) in proofs.into_iter().take(DISTINCT) {
            self.proven.with_label_values(&[action, backend]).set(proven.into());
        }
    }

    /// Time spent in `program` so far, as the kernel says.
    pub fn program_total(&self, program: &str, total: Duration) {
        let counter = self.program_seconds.with_label_values(&[self.program_names.admit(program)]);
        counter.inc_by((total.as_secs_f64() - counter.get()).max(0.0));
    }

    pub fn rules(&self, sha256: &str) {
        let _page = self.settle();
        self.rules_info.reset();
        self.rules_info.with_label_values(&[sha256]).set(1);
    }

    /// Every pack of the catalogues, and whether it is on.
    pub fn packs<'a>(&self, packs: impl IntoIterator<Item = (&'a str, bool)>) {
        let _page = self.settle();
        self.packs.reset();
        for (pack, on) in packs.into_iter().take(DISTINCT) {
            self.packs.with_label_values(&[pack]).set(on.into());
        }
    }

    /// Hosts that count as a registry, by tool.
    pub fn registries<'a>(&self, by_tool: impl IntoIterator<Item = (&'a str, usize)>) {
        let _page = self.settle();
        self.registries.reset();
        for (tool, count) in by_tool.into_iter().take(DISTINCT) {
            self.registries.with_label_values(&[tool]).set(gauge(count));
        }
    }

    pub fn package_lookup_failed(&self, tool: &'static str) {
        self.package_lookup_failures.with_label_values(&[tool]).inc();
    }

    pub fn ledger_head(&self, hash: &str) {
        let _page = self.settle();
        self.ledger_head.reset();
        self.ledger_head.with_label_values(&[hash]).set(1);
    }

    /// So many records have this root, RFC 6962, in base64.
    pub fn ledger_checkpoint(&self, records: u64, root: &str) {
        let _page = self.settle();
        self.ledger_checkpoint.reset();
        self.ledger_checkpoint.with_label_values(&[&records.to_string(), root]).set(1);
    }

    /// A search among a session's descriptors ended before it was through.
    pub fn request_refused(&self, request: &'static str) {
        self.requests_refused.with_label_values(&[request]).inc();
    }

    pub fn search_cut_short(&self, purpose: &'static str) {
        self.searches_cut_short.with_label_values(&[purpose]).inc();
    }

    /// Something was told on a session's terminal, or could not be.
    pub fn terminal_told(&self, outcome: &'static str) {
        self.terminal_messages.with_label_values(&[outcome]).inc();
    }

    /// How often so far.
    #[must_use]
    pub fn terminal_told_total(&self, outcome: &str) -> u64 {
        self.terminal_messages.with_label_values(&[outcome]).get()
    }

    /// A code or a signature was looked at: which counted, or why it did not.
    pub fn factor_checked(&self, result: &'static str) {
        self.factor_checks.with_label_values(&[result]).inc();
    }

    /// Another program did something to a file of records, and it was noticed.
    pub fn file_changed(&self, file: &'static str, change: &'static str) {
        self.file_changes.with_label_values(&[file, change]).inc();
    }

    /// How often so far; returns whether there was a further time.
    pub fn file_changed_total(&self, file: &'static str, change: &'static str, total: u64) -> bool {
        let counter = self.file_changes.with_label_values(&[file, change]);
        let more = total.saturating_sub(counter.get());
        counter.inc_by(more);
        more > 0
    }

    /// So many more messages to a target ended so. Targets are those of the configuration, at most 32.
    pub fn notification(&self, target: &str, outcome: &'static str, count: u64) {
        self.notifications.with_label_values(&[target, outcome]).inc_by(count);
    }

    /// What waits to be told, as `(target, messages, seconds)`.
    pub fn notifier<'a>(&self, targets: impl IntoIterator<Item = (&'a str, usize, i64)>) {
        let _page = self.settle();
        for (target, waiting, oldest) in targets {
            self.notifier_outbox.with_label_values(&[target]).set(gauge(waiting));
            self.notifier_oldest.with_label_values(&[target]).set(oldest);
        }
    }

    fn settle(&self) -> MutexGuard<'_, ()> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page in the text exposition format.
    #[must_use]
    pub fn encode(&self) -> String {
        let _page = self.settle();
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| format!("# the metrics could not be written: {error}\n"))
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The commit that this was built from, where the build knew it.
pub fn revision() -> &'static str {
    option_env!("INTERLOCK_REVISION").unwrap_or("unknown")
}
