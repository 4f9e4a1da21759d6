//! The event loop's thread: it waits for the rings, its inbox and the next deadline, and does everything itself.

use std::{
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use crate::{
    daemon::{
        apply,
        context::{Context, mailbox::handle::Message, upkeep::reloading::Reason},
        intake::{
            self,
            network::{asks, received, sent},
            surveying,
        },
        serve,
        upkeep::{self, TICK, registries, reload, rotation, saving},
    },
    metrics::Heartbeat,
};
use interlock_core::{
    decide::Input,
    record::{Kind, Who},
    sessions::Registry,
};
use interlock_host::{clock::boot_now, enforcement::freezer::Freezer, probes::ring};

const IDLE_TICK: Duration = Duration::from_secs(30);
/// How long the inbox is listened to before the rings are read again: anybody may ask, as often as they like.
const INBOX_SPAN: Duration = Duration::from_millis(20);

/// Turns until it is told to stop.
///
/// # Errors
/// The kernel cannot be waited for. What is pinned stays in force.
pub fn run(mut ctx: Context, heartbeat: &Heartbeat) -> std::io::Result<()> {
    let mut waited = Ok(());
    while !ctx.mailbox.stopping {
        heartbeat.beat();
        let timeout = until_next_turn(&ctx);
        waited = ring::wait(
            [&ctx.kernel.probes.lifecycle, &ctx.kernel.probes.access],
            ctx.mailbox.wake.as_fd(),
            Some(timeout),
        );
        if waited.is_err() {
            break;
        }
        turn(&mut ctx);
    }
    end(&mut ctx);
    waited
}

fn turn(ctx: &mut Context) {
    intake::drain(ctx);
    saving::write_down(ctx); // before anybody is told of it
    let mut counter = [0_u8; 8];
    let _ = rustix::io::read(ctx.mailbox.wake.as_fd(), &mut counter); // nothing to read: woken by a ring
    let began = Instant::now();
    ctx.mailbox.inbox_waits = true;
    while began.elapsed() < INBOX_SPAN {
        let Ok(input) = ctx.mailbox.inbox.try_recv() else {
            ctx.mailbox.inbox_waits = false;
            break;
        };
        match input {
            Message::Command(command) => serve::answer(ctx, *command),
            #[cfg(feature = "kubernetes")]
            Message::Proposed(proposal, reply) => {
                let _ = reply.send(serve::decisions::cluster::decide(ctx, &proposal)); // nobody waits any more
            }
            Message::Reload => {
                rotation::look_at_files(ctx);
                reload::reload(ctx, Reason::Signal); // what is wrong stands in the log, the status and the metric
            }
            Message::FilesChanged => reload::reload(ctx, Reason::Changed),
            Message::Read(read) => reload::has_read(ctx, *read),
            Message::Registries(answers) => registries::learn_registries(ctx, answers),
            Message::Connections(id, had) => received::note_connections(ctx, id, had),
            Message::Pods(update) => surveying::cluster::take(ctx, *update),
            Message::Stop => ctx.mailbox.stopping = true,
        }
    }
    surveying::take_surveys(ctx);
    apply::step(ctx, Input::Tick);
    asks::judge_unfinished(ctx);
    sent::look_if_due(ctx);
    upkeep::housekeeping(ctx);
    saving::write_down(ctx);
}

fn until_next_turn(ctx: &Context) -> Duration {
    if ctx.kernel.rings.waits() || ctx.mailbox.inbox_waits {
        return Duration::ZERO;
    }
    let idle = ctx.decider.sessions.is_empty()
        && ctx.flows.lingering.is_empty()
        && ctx.kernel.is_at_rest()
        && !ctx.freezer.is_leaving()
        && !ctx.reporter.unwritten.is_failing() // it is tried again
        && ctx.reporter.ledger.is_settled();
    let tick = if idle { IDLE_TICK } else { TICK };
    let checkpoint = ctx.reporter.notary.next_deadline(&ctx.reporter.ledger);
    let look = sent::next_look(&ctx.decider, ctx.flows.next_look);
    let next = [
        ctx.decider.holds().next_deadline(),
        ctx.flows.partial_requests.next_deadline(),
        checkpoint,
        look,
        ctx.surveying.pods.adopts,
    ]
    .into_iter()
    .flatten()
    .min();
    let deadline = next.map_or(tick, |deadline| deadline.since(boot_now()).max(Duration::from_millis(1)));
    tick.min(deadline)
}

/// With pins everything stays in force for the next daemon. Without, the kernel programs go with this process, so
/// what waits is refused first: silence never means yes.
fn end(ctx: &mut Context) {
    intake::catch_up(ctx);
    let mut rest = std::mem::take(&mut ctx.kernel.rings);
    rest.let_go(); // it is in no ring any more
    intake::handle_all(ctx, &mut rest);
    if ctx.config.pins.is_none() {
        report_what_stays_frozen(&ctx.decider.sessions, &ctx.freezer);
        sent::look(ctx);
        apply::step(ctx, Input::Ends { why: "the daemon ended".to_owned() });
    }
    ctx.flows.searches.end();
    ctx.reporter.report_all_repeats();
    ctx.state.save();
    saving::write_down(ctx);
    ctx.reporter.record(Kind::Stop, Who::Daemon, None, [("pid", std::process::id().into())]);
    ctx.reporter.certify(true);
}

/// Its labels go with the kernel's programs. Who stands in the freezer is found there by the next daemon, who was stopped
/// by signal is not.
fn report_what_stays_frozen(sessions: &Registry, freezer: &Freezer) {
    for session in sessions.iter().filter(|session| session.is_frozen()) {
        let (id, groups, by_signal) = (session.id, freezer.directories(session.id), session.by_signal());
        tracing::warn!(session = %id, ?groups, by_signal, "stays frozen: the next daemon with this state directory can thaw it; without one, write 0 into cgroup.freeze of these groups, and continue by hand (kill -CONT) what a signal stopped");
    }
}
