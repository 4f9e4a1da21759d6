//! The metrics, and what is counted by each.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus::{
    CounterVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use super::{
    counts::{gauge, raise},
    exemplars::Exemplars,
    exporter::{bound_text, encode},
    labels::{Label, Limited},
    maker::{Described, Maker},
    pods::Pods,
    words,
};
use interlock_core::{
    facts::{Action, HoldState, Mode},
    holds::WAITING_MAX,
    sessions::Way,
    words::{Word as _, words},
};

/// Rules, agents and programs that get a label of their own; further ones are counted as `other`.
pub const DISTINCT: usize = 512;
/// Before each name.
pub const PREFIX: &str = "interlock_";
/// Targets of the notifier.
const TARGETS: usize = 32;
/// 10 µs to 1 s.
const DECISION_SECONDS: [f64; 11] = [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0];
/// A machine's answer to a person who was away: 1 ms to 1 h.
const WAIT_SECONDS: [f64; 10] = [1e-3, 0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// Every metric of the daemon, in a registry of its own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    exemplars: Exemplars,
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
    sessions_frozen: IntGauge,
    sessions_incomplete: IntGauge,
    sessions_suspended: IntGaugeVec,
    fullest_session: IntGauge,
    unwatched: IntCounterVec,
    pub pods: Pods,
    mode: IntGaugeVec,
    event_loop_idle: IntGauge,
    enforcement: IntGaugeVec,
    enforcement_state: IntGaugeVec,
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
    notifier_failing: IntGaugeVec,
    pub notifier_dropped: IntCounter,
    kubernetes_decisions: IntCounterVec,
    kubernetes_holds_behind: IntGauge,
    kubernetes_decisions_unproven: IntGauge,
    pub kubernetes_holds_dropped: IntCounter,
    pub kubernetes_requests_failed: IntCounter,
    terminal_messages: IntCounterVec,
    factor_checks: IntCounterVec,
    pub freezes: IntCounter,
    pub frozen_by_signal: IntCounter,
    pub kills: IntCounter,
    pub rules_reload_failures: IntCounter,
    rules_rejected: IntGauge,
    ledger_failing: IntGauge,
    pub clock_jumps: IntCounter,
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
        let mut make = Maker::new("interlock")?;
        let build = make.gauges(
            "build_info",
            "The running build.",
            &[Label::names("version", 1, "of the program"), Label::names("revision", 1, "of its sources")],
        )?;
        let limit =
            make.gauge("holds_session_limit", "Holds that may wait in one session; one more freezes it.")?;
        limit.set(gauge(WAITING_MAX));
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), revision()]).set(1);
        Ok(Self {
            events: make.counters("events_total", "Events from the kernel.", &[kind()])?,
            lost: make.counters_among(
                "events_lost_total",
                "Records that could not be delivered.",
                &[Label::words("ring", words::rings()), Label::words("kind", words::lost_kinds())],
                &words::losses(),
            )?,
            dismissed: make.counters_among(
                "records_dismissed_total",
                "Records that became no fact: to the kernel they looked like more than they were.",
                &[
                    Label::words("kind", words::dismissed_kinds()),
                    Label::words("reason", words::DISMISSED),
                ],
                &words::dismissals(),
            )?,
            misses: make.counters(
                "program_recursion_misses_total",
                "Times that a kernel program was left out because it ran already: what happened then was not seen.",
                &[programs()],
            )?,
            rule_matches: make.counters(
                "rule_matches_total",
                "Rules that matched. mode: enforce where the action was carried out, observe and suspended where it would have been.",
                &[
                    rules(),
                    Label::words("action", words::<Action>()),
                    Label::words("mode", words::MODES),
                ],
            )?,
            guard_faults: make.counters(
                "guard_faults_total",
                "Guards that could not be computed; a rule that stops something counts as met then.",
                &[rules()],
            )?,
            rule_names: Limited::to(DISTINCT),
            holds: make.gauges(
                "holds",
                "Holds by state; of the decided ones those in memory.",
                &[Label::words("state", words::<HoldState>())],
            )?,
            fullest_session: make.gauge(
                "holds_fullest_session",
                "Holds that wait in the session that has most of them.",
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
            sessions: make.gauges(
                "sessions",
                "Live agent sessions.",
                &[Label::names("agent", DISTINCT + 1, "of the catalogue, or given to `interlock run`")],
            )?,
            sessions_frozen: make.gauge("sessions_frozen", "Sessions that stand still.")?,
            sessions_incomplete: make.gauge(
                "sessions_incomplete",
                "Sessions of which not everything is known: rules about a touch count as met.",
            )?,
            sessions_suspended: make.gauges(
                "sessions_suspended",
                "Sessions in which everything is allowed for now.",
                &[Label::words("way", Way::ALL.map(Way::word))],
            )?,
            mode: make.gauges(
                "mode",
                "1 for the mode that the daemon runs in.",
                &[Label::words("mode", words::<Mode>())],
            )?,
            event_loop_idle: make.gauge(
                "event_loop_idle_seconds",
                "Since the event loop turned last; with nothing to do it turns every thirty seconds.",
            )?,
            pods: Pods::new(&mut make)?,
            unwatched: make.counters(
                "sessions_unwatched_total",
                "Agents that were recognised and run without a session.",
                &[Label::words("reason", words::UNWATCHED)],
            )?,
            enforcement: make.gauges(
                "enforcement_active",
                "1 for the backend that is in force for an action, 0 for one that is not, as while no session lives.",
                &[Label::words("action", words::features()), Label::words("backend", words::backends())],
            )?,
            enforcement_state: make.gauges(
                "enforcement_state",
                "1 for how an action is served: best, by a lesser backend, failed (cannot be attached now), none (this kernel can't).",
                &[Label::words("action", words::features()), Label::words("state", words::SERVED)],
            )?,
            proven: make.gauges(
                "enforcement_proven",
                "1 where a trial at the start showed that the backend does what it promises, else 0.",
                &[
                    Label::names("action", words::features().len(), "that this kernel can serve"),
                    Label::names("backend", 1, "in force for it"),
                ],
            )?,
            program_seconds: make.seconds(
                "program_seconds_total",
                "Time spent in a kernel program.",
                programs(),
            )?,
            program_names: Limited::to(DISTINCT),
            rules_info: make.gauges(
                "rules_info",
                "The rules in force.",
                &[Label::names("sha256", 1, "of their files")],
            )?,
            packs: make.gauges(
                "rule_pack_enabled",
                "1 where rules act on a provider's secrets and hosts, 0 where its pack is switched off.",
                &[Label::names("pack", DISTINCT, "of the catalogues")],
            )?,
            registries: make.gauges(
                "package_registries",
                "Hosts that count as a registry, by the package manager that they were learned from.",
                &[Label::names("tool", DISTINCT, "that are known to Interlock")],
            )?,
            package_lookup_failures: make.counters(
                "package_lookup_failures_total",
                "Package managers that did not say which registry they use.",
                &[Label::words("tool", words::ASKED)],
            )?,
            ledger_head: make.gauges(
                "ledger_head_info",
                "The ledger's last record.",
                &[Label::names("hash", 1, "of the record")],
            )?,
            ledger_checkpoint: make.gauges(
                "ledger_checkpoint_info",
                "The newest signed checkpoint of the ledger.",
                &[Label::names("records", 1, "that are signed"), Label::names("root", 1, "of their tree")],
            )?,
            file_changes: make.counters(
                "file_changes_total",
                "Times that another program renamed, removed or truncated a file of records.",
                &[Label::words("file", words::FILES), Label::words("change", words::changes())],
            )?,
            requests_refused: make.counters(
                "requests_refused_total",
                "Requests of users who may not ask for that.",
                &[Label::words("request", words::REQUESTS)],
            )?,
            searches_cut_short: make.counters(
                "descriptor_searches_cut_short_total",
                "Searches among a session's descriptors that ended before they were through, by purpose.",
                &[Label::words("purpose", words::PURPOSES)],
            )?,
            notifications: make.counters(
                "notifications_total",
                "Messages of the notifier by target and by what became of them.",
                &[targets(), Label::words("outcome", words::DELIVERIES)],
            )?,
            notifier_outbox: make.gauges(
                "notifier_outbox",
                "Messages that a target was not told yet.",
                &[targets()],
            )?,
            notifier_oldest: make.gauges(
                "notifier_oldest_seconds",
                "Age of the oldest message that a target was not told yet; 0 where there is none.",
                &[targets()],
            )?,
            notifier_failing: make.gauges(
                "notifier_failing",
                "1 where the last attempt to tell a target failed.",
                &[targets()],
            )?,
            notifier_dropped: make
                .counter("notifier_dropped_total", "Messages dropped as the notifier's queue was full.")?,
            kubernetes_decisions: make.counters(
                "kubernetes_decisions_total",
                "Decisions that came through the cluster, by verdict and by the daemon's answer.",
                &[Label::words("verdict", words::VERDICTS), Label::words("answer", words::ANSWERS)],
            )?,
            kubernetes_holds_behind: make.gauge(
                "kubernetes_holds_behind",
                "Objects of holds that the cluster does not show as they are.",
            )?,
            kubernetes_decisions_unproven: make.gauge(
                "kubernetes_decisions_unproven",
                "1 where the cluster was not seen to refuse a forged decision, so that none counts.",
            )?,
            kubernetes_holds_dropped: make.counter(
                "kubernetes_holds_dropped_total",
                "Holds that the cluster was not told of, as 4,096 were told already.",
            )?,
            kubernetes_requests_failed: make
                .counter("kubernetes_hold_requests_failed_total", "Requests about holds that the cluster's API did not answer.")?,
            terminal_messages: make.counters(
                "terminal_messages_total",
                "What was told on sessions' terminals, by what became of it.",
                &[Label::words("outcome", words::TOLD)],
            )?,
            factor_checks: make.counters(
                "factor_checks_total",
                "Codes and signatures that were looked at, by which counted (totp, key) or why none did.",
                &[Label::words("result", words::FACTORS)],
            )?,
            freezes: make.counter("freezes_total", "Sessions frozen.")?,
            frozen_by_signal: make.counter(
                "frozen_by_signal_total",
                "Jobs that a freeze stopped by SIGSTOP, as the freezer could not be had for them.",
            )?,
            kills: make.counter("kills_total", "Sessions killed.")?,
            rules_reload_failures: make.counter("rules_reload_failures_total", "Reloads refused.")?,
            rules_rejected: make.gauge(
                "rules_rejected",
                "Mistakes of the rules and catalogues that were refused last; 0 where what lies there is in force.",
            )?,
            ledger_failing: make.gauge(
                "ledger_failing",
                "1 where the ledger lacks a record that could not be written.",
            )?,
            clock_jumps: make.counter(
                "clock_jumps_total",
                "Times that the wall clock was set by a second or more.",
            )?,
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
            exemplars: Exemplars::default(),
            registry: make.registry,
            described: make.described,
        })
    }

    /// Every metric, and what its labels may say.
    #[must_use]
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// One fact; `kind` is a fact's [`Kind`](interlock_core::facts::Kind) in words.
    pub fn event(&self, kind: &'static str) {
        self.events.with_label_values(&[kind]).inc();
    }

    /// `count` more records that could not be delivered.
    pub fn lost(&self, ring: &'static str, kind: &'static str, count: u64) {
        self.lost.with_label_values(&[ring, kind]).inc_by(count);
    }

    /// Records lost so far, as a kernel counter says; see [`monitor_common::loss::LOSS_NAMES`].
    pub fn lost_total(&self, ring: &'static str, kind: &'static str, total: u64) {
        raise(&self.lost.with_label_values(&[ring, kind]), total);
    }

    /// A record that became no fact.
    pub fn dismissed(&self, kind: &'static str, reason: &'static str) {
        self.dismissed.with_label_values(&[kind, reason]).inc();
    }

    /// How often `program` was left out so far, as the kernel says.
    pub fn misses_total(&self, program: &str, total: u64) {
        raise(&self.misses.with_label_values(&[self.program_names.admit(program)]), total);
    }

    /// `mode` is one of [`words::MODES`].
    pub fn rule_matched(&self, rule: &str, action: Action, mode: &'static str, session: &str) {
        let (rule, action) = (self.rule_names.admit(rule), action.word());
        self.rule_matches.with_label_values(&[rule, action, mode]).inc();
        // In the order of the labels' names.
        let values = [action, mode, rule].map(str::to_owned).into();
        self.exemplars.keep("rule_matches_total", values, "session_id", session.to_owned(), 1.0);
    }

    /// This rule is in force: what it does in `mode`, and while a session is suspended, counts from 0.
    pub fn rule_is_in_force(&self, rule: &str, action: Action, mode: &'static str) {
        let rule = self.rule_names.admit(rule);
        for mode in [mode, "suspended"] {
            drop(self.rule_matches.with_label_values(&[rule, action.word(), mode]));
        }
        drop(self.guard_faults.with_label_values(&[rule]));
    }

    pub fn runs_in(&self, mode: Mode) {
        for word in words::<Mode>() {
            self.mode.with_label_values(&[word]).set((word == mode.word()).into());
        }
    }

    /// How long the event loop has not turned.
    pub fn event_loop_is(&self, idle: Duration) {
        self.event_loop_idle.set(i64::try_from(idle.as_secs()).unwrap_or(i64::MAX));
    }

    pub fn guard_failed(&self, rule: &str) {
        self.guard_faults.with_label_values(&[self.rule_names.admit(rule)]).inc();
    }

    pub fn holds(&self, state: HoldState, count: usize) {
        self.holds.with_label_values(&[state.word()]).set(gauge(count));
    }

    /// Holds that wait in the session that has most.
    pub fn fullest_session(&self, holds: usize) {
        self.fullest_session.set(gauge(holds));
    }

    pub fn hold_waited(&self, hold: &str, wait: Duration) {
        let seconds = wait.as_secs_f64();
        self.hold_wait.observe(seconds);
        self.keep_of_bucket("hold_wait_seconds", &WAIT_SECONDS, "hold_id", hold, seconds);
    }

    pub fn decided(&self, session: &str, took: Duration) {
        let seconds = took.as_secs_f64();
        self.decision.observe(seconds);
        self.keep_of_bucket("decision_seconds", &DECISION_SECONDS, "session_id", session, seconds);
    }

    fn keep_of_bucket(
        &self,
        family: &'static str,
        buckets: &[f64],
        label: &'static str,
        id: &str,
        seconds: f64,
    ) {
        let bound = buckets.iter().copied().find(|bound| seconds <= *bound).unwrap_or(f64::INFINITY);
        self.exemplars.keep(family, vec![bound_text(bound)], label, id.to_owned(), seconds);
    }

    /// What is to be known of all sessions: frozen and incomplete ones, and suspended ones by way.
    pub fn sessions_are<const N: usize>(
        &self,
        frozen: usize,
        incomplete: usize,
        suspended: [(&'static str, usize); N],
    ) {
        self.sessions_frozen.set(gauge(frozen));
        self.sessions_incomplete.set(gauge(incomplete));
        for (way, count) in suspended {
            self.sessions_suspended.with_label_values(&[way]).set(gauge(count));
        }
    }

    /// Live sessions by agent; agents that are not named are not shown.
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

    /// How each action is served, as `(action, backend in force now, state)`; `state` is one of [`words::SERVED`].
    pub fn enforcement<'a>(
        &self,
        served: impl IntoIterator<Item = (&'a str, Option<&'a str>, &'static str)>,
    ) {
        let _page = self.settle();
        for (action, active, state) in served {
            for backend in words::backends() {
                let is_active = active == Some(backend);
                self.enforcement.with_label_values(&[action, backend]).set(is_active.into());
            }
            for word in words::SERVED {
                self.enforcement_state.with_label_values(&[action, word]).set((word == state).into());
            }
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

    /// So many mistakes are in what was refused last.
    pub fn rules_rejected(&self, mistakes: usize) {
        self.rules_rejected.set(gauge(mistakes));
    }

    pub fn ledger_is(&self, failing: bool) {
        self.ledger_failing.set(failing.into());
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

    /// A target of the configuration: everything about it counts from 0.
    pub fn notifier_target(&self, target: &str) {
        for outcome in words::DELIVERIES {
            self.notification(target, outcome, 0);
        }
        self.notifier([(target, 0, 0, false)]);
    }

    /// How each target is doing, as `(target, messages that wait, age of the oldest in seconds, whether the last attempt failed)`.
    pub fn notifier<'a>(&self, targets: impl IntoIterator<Item = (&'a str, usize, i64, bool)>) {
        let _page = self.settle();
        for (target, waiting, oldest, fails) in targets {
            self.notifier_failing.with_label_values(&[target]).set(fails.into());
            self.notifier_outbox.with_label_values(&[target]).set(gauge(waiting));
            self.notifier_oldest.with_label_values(&[target]).set(oldest);
        }
    }

    /// A decision that came through the cluster, in the words of its kind.
    pub fn kubernetes_decision(&self, verdict: &str, answer: &str) {
        self.kubernetes_decisions.with_label_values(&[verdict, answer]).inc();
    }

    /// How telling the cluster goes.
    pub fn kubernetes_holds(&self, behind: usize, unproven: bool) {
        self.kubernetes_holds_behind.set(gauge(behind));
        self.kubernetes_decisions_unproven.set(unproven.into());
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

    /// The page as OpenMetrics, with exemplars.
    #[must_use]
    pub fn encode_open_metrics(&self) -> String {
        let _page = self.settle();
        encode(&self.registry.gather(), PREFIX, &self.exemplars)
    }
}

fn kind() -> Label {
    Label::words("kind", words::<interlock_core::facts::Kind>())
}

fn rules() -> Label {
    Label::names("rule", DISTINCT + 1, "of the rules in force, now or before; the others are `other`")
}

fn programs() -> Label {
    Label::names("program", DISTINCT + 1, "of the kernel object")
}

fn targets() -> Label {
    Label::names("target", TARGETS, "of the configuration")
}

/// The commit that this was built from, where the build knew it.
pub fn revision() -> &'static str {
    option_env!("INTERLOCK_REVISION").unwrap_or("unknown")
}
