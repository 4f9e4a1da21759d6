//! Reconciliation: the kernel's labels, the processes that the event loop knows and those that run are brought together.
//!
//! The kernel labels at fork, removes the label at exit, and tells both. A label that the daemon wrote when its process was
//! ending already, and a record that was lost, leave the three apart. Then a dead process keeps its session, and whoever
//! gets its number is taken for an agent; or a session seems to end that still has a member, which is watched no more.

use crate::daemon::{
    context::{Context, upkeep::reconciliation::EVERY},
    intake::lifecycle::{adopt, end, recognise},
};
use interlock_core::facts::{BootNanos, SessionId};
use interlock_host::proc::life::{Life, life};

/// Now and then; at once after a loss.
pub fn reconcile(ctx: &mut Context, now: BootNanos) {
    let counts = |(ring, kind): &(&str, &str)| *ring == "lifecycle" || *kind == "label";
    let lost =
        ctx.kernel.maps.losses().into_iter().filter(|(key, _)| counts(key)).map(|(_, total)| total).sum();
    let lately = std::mem::replace(&mut ctx.upkeep.reconciliation.lost, lost) < lost;
    if ctx.upkeep.reconciliation.is_search_due(lately, now) {
        tracing::warn!(lost, "records of programs that begin were lost: agents among them are looked for");
        recognise::adopt(ctx);
    }
    if !lately && now < ctx.upkeep.reconciliation.next {
        return;
    }
    ctx.upkeep.reconciliation.next = now.plus(EVERY);
    let mut adopted = 0_u32;
    for (pid, label) in ctx.kernel.maps.labels() {
        adopted += u32::from(end::reconcile_label(ctx, pid, label));
    }
    if adopted > 0 {
        tracing::info!(adopted, "labelled processes whose beginning was not reported are known now");
    }
    reconcile_processes(ctx, now);
    recognise::watch_the_unwatched(ctx);
}

/// Processes that the event loop knows and the kernel has no label for: their exit was lost, or their label was.
fn reconcile_processes(ctx: &mut Context, now: BootNanos) {
    let unlabelled: Vec<(u32, SessionId, BootNanos)> = ctx
        .decider
        .sessions
        .processes()
        .filter(|(session, process)| {
            ctx.kernel.maps.label(process.pid).is_none_or(|label| label.session != session.0)
        })
        .map(|(session, process)| (process.pid, session, process.start))
        .collect();
    let before = std::mem::take(&mut ctx.upkeep.reconciliation.untold);
    for (pid, session, start) in unlabelled {
        match life(pid, start) {
            // Asked after the label was: a process that still runs had none, and did not lose it by its exit.
            Life::Runs if start.0 > 0 => adopt::label_again(ctx, pid, session, start),
            Life::Runs | Life::Unknown => {}
            Life::Ending | Life::Ended => {
                let since = before.get(&(pid, start)).copied().unwrap_or(now);
                if now < since.plus(EVERY) {
                    ctx.upkeep.reconciliation.untold.insert((pid, start), since);
                } else {
                    end::process_ended(ctx, pid, now);
                }
            }
        }
    }
}
