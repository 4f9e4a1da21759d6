//! What the cluster says of this node's pods.

use crate::daemon::{
    context::{Context, surveying::pods::State},
    intake::{lifecycle::recognise, surveying::pods},
};
use interlock_core::{
    pods::{Failure, Update},
    words::Word as _,
};
use interlock_host::clock::boot_now;

/// Takes in what the watch tells.
pub fn take(ctx: &mut Context, update: Update) {
    match update {
        Update::Answers => {
            tracing::info!("the cluster's API answers");
            ctx.surveying.pods.state = State::Answers;
            ctx.reporter.metrics.pods.connected(true);
        }
        // It answers, and has everything listed anew.
        Update::Failed { why: Failure::Expired, .. } => {
            ctx.reporter.metrics.pods.failed(Failure::Expired.word());
        }
        Update::Failed { why, text } => fail(ctx, why.word(), text),
        Update::Listed { pods, refused } => {
            ctx.reporter.metrics.pods.listed(refused);
            ctx.surveying.pods.replace(pods);
            pods::attribute_all(ctx);
            if ctx.surveying.pods.adopts.take().is_some() {
                recognise::adopt(ctx);
            }
        }
        Update::Changed(seen) => {
            let cgroup = seen.cgroup.clone();
            ctx.surveying.pods.put(*seen);
            pods::attribute_in(ctx, &cgroup);
        }
        Update::Gone(cgroup) => ctx.surveying.pods.forget(&cgroup), // its sessions keep what was known of it
        Update::Refused => ctx.reporter.metrics.pods.refused(1),
        Update::Handlers(handlers) => ctx.surveying.pods.lead_to(handlers),
        Update::NoHandlers { why, text } => {
            ctx.reporter.metrics.pods.failed(why.word());
            tracing::debug!(why = why.word(), text, "runtime classes are known by name only");
        }
    }
    pods::report_unwatched(ctx);
    ctx.reporter.metrics.pods.are(ctx.surveying.pods.len(), &ctx.surveying.pods.unwatched());
}

/// The first list has not come in time: who runs is watched, whatever pod it is in. Fails closed.
pub fn adopt_if_due(ctx: &mut Context) {
    if ctx.surveying.pods.adopts.is_some_and(|deadline| deadline <= boot_now()) {
        ctx.surveying.pods.adopts = None;
        tracing::warn!(
            "the cluster has not said which pods there are: agents that run are watched in all of them"
        );
        recognise::adopt(ctx);
    }
}

/// New catalogues may say other owners, and read other annotations.
pub fn read_owners_again(ctx: &mut Context) {
    ctx.surveying.pods.keep(ctx.policies.catalog.workspaces.annotations());
    pods::attribute_all(ctx);
    pods::report_unwatched(ctx);
}

/// Logged once until it answers again; counted each time.
fn fail(ctx: &mut Context, why: &'static str, text: String) {
    ctx.reporter.metrics.pods.failed(why);
    ctx.reporter.metrics.pods.connected(false);
    if !matches!(ctx.surveying.pods.state, State::Away(_)) {
        tracing::warn!(
            why,
            text,
            "the cluster's API is away: pods are as it said last, and new ones are not known"
        );
    }
    ctx.surveying.pods.state = State::Away(format!("{why}: {text}"));
}
