//! Records that were lost: their sessions are incomplete, which rules see.

use std::collections::BTreeMap;

use crate::daemon::{
    apply,
    context::{Context, kernel::Kernel, reporter::Reporter},
};
use interlock_core::health::{Check, CheckState};
use interlock_host::probes::misses::Misses;

/// Everything that could not be delivered, by `ring/kind`.
pub fn lost(kernel: &Kernel, reporter: &Reporter) -> BTreeMap<String, u64> {
    let records =
        kernel.maps.losses().into_iter().map(|((ring, kind), total)| (format!("{ring}/{kind}"), total));
    let undecodable = Some(reporter.undecodable).filter(|count| *count > 0);
    let undecodable = undecodable.map(|count| ("daemon/undecodable".to_owned(), count));
    let misses = kernel.probes.misses();
    let left_out = misses.lost().map(|(program, count)| (format!("recursion/{program}"), count));
    records.chain(undecodable).chain(left_out.collect::<Vec<_>>()).collect()
}

/// Losses make their sessions incomplete, which rules see.
pub fn notice_losses(ctx: &mut Context) {
    for ((ring, kind), total) in ctx.kernel.maps.losses() {
        ctx.reporter.metrics.lost_total(ring, kind, total);
    }
    ctx.reporter.metrics.lost_total("daemon", "undecodable", ctx.reporter.undecodable);
    for (program, total) in ctx.kernel.probes.misses().left_out {
        ctx.reporter.metrics.misses_total(program, total);
    }
    for id in ctx.decider.sessions.ids() {
        apply::notice_losses_of(ctx, id);
    }
}

/// What `interlock doctor` says of the records and of the programs that make them.
pub fn check_losses(kernel: &Kernel, reporter: &Reporter) -> [Check; 2] {
    [records(&lost(kernel, reporter)), programs(&kernel.probes.misses())]
}

fn records(lost: &BTreeMap<String, u64>) -> Check {
    let subject = "records".to_owned();
    if lost.is_empty() {
        return Check { subject, state: CheckState::Good, found: "none lost".into(), advice: None };
    }
    let parts: Vec<String> = lost.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let advice =
        "sessions that lost records count as incomplete; see events_lost_total and docs/operations.md";
    let found = format!("lost: {}", parts.join(", "));
    Check { subject, state: CheckState::Limited, found, advice: Some(advice.into()) }
}

fn programs(misses: &Misses) -> Check {
    let loaded = misses.left_out.len() + misses.unknown.len();
    let left_out: Vec<String> = misses.lost().map(|(program, count)| format!("{program} {count}")).collect();
    let (state, found, advice) = if !left_out.is_empty() {
        let advice = "the kernel ran into them while they ran: what happened then was not seen";
        (
            CheckState::Limited,
            format!("{loaded} loaded; left out: {}", left_out.join(", ")),
            Some(advice.to_owned()),
        )
    } else if !misses.unknown.is_empty() {
        let advice = format!("the kernel does not say it of {}", misses.unknown.join(", "));
        (CheckState::Limited, format!("{loaded} loaded; whether any was left out is unknown"), Some(advice))
    } else {
        (CheckState::Good, format!("{loaded} loaded, none was left out"), None)
    };
    Check { subject: "kernel programs".into(), state, found, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_left_out_is_a_limit_and_one_that_nobody_knows_of_too() {
        let misses = |count, unknown: &[&'static str]| Misses {
            left_out: [("exec", 0), ("openat", count)].into(),
            unknown: unknown.to_vec(),
        };
        let found = |misses: &Misses| {
            let check = programs(misses);
            (check.state, check.found)
        };
        assert_eq!(found(&misses(0, &[])), (CheckState::Good, "2 loaded, none was left out".into()));
        assert_eq!(found(&misses(3, &["x"])), (CheckState::Limited, "3 loaded; left out: openat 3".into()));
        assert_eq!(
            found(&misses(0, &["x"])),
            (CheckState::Limited, "3 loaded; whether any was left out is unknown".into())
        );
    }
}
