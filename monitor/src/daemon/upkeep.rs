//! Housekeeping: what is due once in a while, and nothing waits for.

pub mod losses;
pub mod reconcile;
pub mod registries;
pub mod reload;
pub mod rotation;
pub mod rules;
pub mod saving;
pub mod tables;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

#[cfg(feature = "kubernetes")]
use crate::daemon::apply::notices;
use crate::{
    daemon::{apply::flows, context::Context, intake::surveying},
    metrics::{Metrics, raise},
};
use interlock_core::{
    catalog::Catalog,
    decide::Decider,
    facts::{BootNanos, HoldState},
    sessions::Way,
};
use interlock_host::clock::boot_now;

/// Housekeeping while a session lives, and while none does.
pub const TICK: Duration = Duration::from_secs(1);
/// A wall clock that is further off than it was a moment ago was set; what slews it moves it by less.
const CLOCK_JUMP: Duration = Duration::from_secs(1);

/// What is due once in a while: everything that nothing waits for.
pub fn housekeeping(ctx: &mut Context) {
    let now = boot_now();
    if now.0 < ctx.upkeep.next_housekeeping.0 {
        return;
    }
    ctx.upkeep.next_housekeeping = now.plus(TICK);
    if ctx.reporter.wall.follow() >= CLOCK_JUMP {
        ctx.reporter.metrics.clock_jumps.inc();
    }
    let_go_of_lingering(ctx, now);
    ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
    losses::notice_losses(ctx);
    ctx.upkeep.asking.report_due(&mut ctx.reporter, &ctx.decider.sessions);
    ctx.upkeep.attempts.report_due(&mut ctx.reporter, &ctx.decider.sessions);
    ctx.reporter.report_repeats(now);
    rotation::look_at_ledger(ctx);
    reconcile::reconcile(ctx, now);
    surveying::survey_again(ctx, now);
    surveying::cluster::adopt_if_due(ctx);
    ctx.kernel.untag_deleted();
    ctx.freezer.sweep();
    let [frozen, waiting] = update_gauges(&ctx.decider, &ctx.policies.catalog, &ctx.reporter.metrics, now);
    ctx.mailbox.summary.note(ctx.decider.sessions.len(), frozen, waiting);
    ctx.reporter.metrics.ledger_is(ctx.reporter.unwritten.is_failing());
    ctx.reporter.channels.notifier.measure();
    #[cfg(feature = "kubernetes")]
    follow_cluster(ctx);
    let names = ctx.flows.names.counts();
    for (counter, total) in [
        (&ctx.reporter.metrics.outbox_dropped, ctx.reporter.channels.outbox.dropped()),
        (&ctx.reporter.metrics.outbox_failed, ctx.reporter.channels.outbox.failed()),
        (&ctx.reporter.metrics.dns_malformed, names.malformed),
        (&ctx.reporter.metrics.dns_streams_given_up, names.streams_given_up),
        (&ctx.reporter.metrics.names_evicted, names.evicted + names.sessions_evicted),
    ] {
        raise(counter, total);
    }
    for (program, time) in ctx.kernel.probes.run_times() {
        ctx.reporter.metrics.program_total(program, time);
    }
    ctx.state.save();
}

#[cfg(feature = "kubernetes")]
fn follow_cluster(ctx: &Context) {
    notices::cluster::follow(&ctx.reporter, &ctx.decider);
    ctx.reporter.channels.cluster.measure(&ctx.reporter.metrics);
}

/// Returns how many sessions are frozen, and how many holds wait.
fn update_gauges(decider: &Decider, catalog: &Catalog, metrics: &Metrics, now: BootNanos) -> [usize; 2] {
    // Also those of which none runs: who looks for the first session needs to see that there was none.
    let mut agents: BTreeMap<&str, usize> = catalog.agents.ids().map(|id| (id, 0)).collect();
    let (mut frozen, mut incomplete) = (0, 0);
    let mut suspended = Way::ALL.map(|way| (way, 0));
    for session in decider.sessions.iter() {
        *agents.entry(session.agent.as_str()).or_default() += 1;
        frozen += usize::from(session.is_frozen());
        incomplete += usize::from(session.incomplete);
        if let Some(suspension) = session.suspended_at(now) {
            suspended.iter_mut().filter(|(way, _)| *way == suspension.way).for_each(|(_, count)| *count += 1);
        }
    }
    metrics.sessions(agents);
    metrics.sessions_are(frozen, incomplete, suspended.map(|(way, count)| (way.word(), count)));
    let mut of_each: HashMap<u64, usize> = HashMap::new();
    decider.holds().waiting().for_each(|hold| *of_each.entry(hold.session).or_default() += 1);
    let waiting = of_each.values().sum();
    metrics.fullest_session(of_each.into_values().max().unwrap_or_default());
    metrics.holds(HoldState::Waiting, waiting);
    for state in [HoldState::Approved, HoldState::Denied, HoldState::Expired, HoldState::Gone] {
        metrics.holds(state, decider.holds().decided().filter(|hold| hold.state == state).count());
    }
    [frozen, waiting]
}

fn let_go_of_lingering(ctx: &mut Context, now: BootNanos) {
    let before = ctx.flows.lingering.len();
    let maps = &mut ctx.kernel.maps;
    ctx.flows.lingering.retain(|cookie, until| {
        let flow = if *until > now { None } else { maps.flow(*cookie) };
        let longer = flows::held_until(flow.as_ref(), *until, now);
        match longer {
            Some(longer) => *until = longer,
            None => maps.remove_flow(*cookie),
        }
        longer.is_some()
    });
    if ctx.flows.lingering.len() != before {
        ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
    }
}
