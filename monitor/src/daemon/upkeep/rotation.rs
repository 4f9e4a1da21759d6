//! The files that hold events and ledger, which another program may take away.

use crate::{
    config::OnFull,
    daemon::context::{
        Context,
        reporter::{Reporter, unwritten::News},
    },
    ledger::Rotation,
};
use interlock_core::{facts::Severity, sessions::Registry};

/// Notices at once what another program did to the files.
pub fn look_at_files(ctx: &mut Context) {
    ctx.reporter.channels.outbox.look();
    look_at_ledger(ctx);
}

/// The ledger looks before each record; where none is written, this is how a loss is noticed.
pub fn look_at_ledger(ctx: &mut Context) {
    if let Err(error) = ctx.reporter.ledger.look() {
        tracing::error!(path = %ctx.reporter.ledger.path().display(), %error, "the ledger cannot go on at its name yet; it is tried again");
    }
    ctx.reporter.make_up(true); // what is still missing is told the next time
    report_rotations(ctx);
    let mut changed = false;
    for (change, total) in ctx.reporter.channels.outbox.changes() {
        changed |= ctx.reporter.metrics.file_changed_total("events", change.word(), total);
    }
    if changed {
        ctx.kernel.protect_own(&ctx.config); // the new file too
    }
}

/// Tells, and counts, what was noticed of the ledger's file.
pub fn report_rotations(ctx: &mut Context) {
    for news in ctx.reporter.unwritten.take_news() {
        report_unwritten(&mut ctx.reporter, &ctx.decider.sessions, ctx.config.on_full, news);
    }
    for why in ctx.reporter.ledger.take_doubts() {
        let event = ctx.reporter.event_of_daemon("ledger-doubtful").alert(Severity::High, &why);
        ctx.reporter.publish(&ctx.decider.sessions, event);
    }
    for rotation in ctx.reporter.ledger.take_rotations() {
        ctx.reporter.metrics.file_changed("ledger", rotation.change.word());
        ctx.reporter.metrics.ledger_records.inc();
        ctx.reporter.metrics.ledger_head(&ctx.reporter.ledger.head().hash.to_string());
        ctx.kernel.protect_own(&ctx.config);
        report_rotation(&mut ctx.reporter, &ctx.decider.sessions, &rotation);
    }
}

fn report_unwritten(reporter: &mut Reporter, sessions: &Registry, on_full: OnFull, news: News) {
    let event = match news {
        News::Failing(why) => {
            let then = match on_full {
                OnFull::Hold => "nothing is approved or thawed until it can (on_full = hold)",
                OnFull::Degrade => "approvals and thaws go on without a record (on_full = degrade)",
            };
            let message = format!("the ledger cannot be written: {why}; {then}");
            tracing::error!(%why, "the ledger cannot be written: {then}");
            reporter.event_of_daemon("ledger-failing").alert(Severity::Critical, &message)
        }
        News::Back(records) => {
            let message = format!("the ledger is written again; {records} records are missing in it");
            tracing::warn!(records, "the ledger is written again, and lacks records");
            reporter
                .event_of_daemon("ledger-back")
                .with("ledger.records_lost", records)
                .alert(Severity::High, &message)
        }
    };
    reporter.publish(sessions, event);
}

fn report_rotation(reporter: &mut Reporter, sessions: &Registry, rotation: &Rotation) {
    let (change, after) = (rotation.change, rotation.after);
    let moved_to = rotation.moved_to.as_ref().map(|path| path.display().to_string());
    tracing::warn!(%change, %after, moved_to, "the ledger's file was changed by another program; the chain goes on in a new one");
    let mut event = reporter
        .event_of_daemon("ledger-rotated")
        .with("ledger.change", change.word())
        .with("ledger.after", after.to_string())
        .with("ledger.moved_to", moved_to);
    if change.loses() {
        let message = format!(
            "the ledger was {change} by another program: of the records up to {} only a copy proves what they said",
            after.seq
        );
        event = event.alert(Severity::High, &message);
    }
    reporter.publish(sessions, event);
}
