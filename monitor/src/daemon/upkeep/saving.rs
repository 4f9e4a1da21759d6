//! Writing down what must outlive the daemon.

use crate::daemon::{
    context::{
        Context,
        reporter::explanations::accounts::Account,
        state::snapshot::{Places, SessionRecord, Snapshot},
    },
    upkeep::rotation,
};

pub fn write_down(ctx: &mut Context) {
    ctx.reporter.settle();
    rotation::report_rotations(ctx);
    ctx.reporter.certify(false);
    if !std::mem::take(&mut ctx.state.unsaved) {
        return;
    }
    let snapshot = snapshot(ctx);
    if let Err(error) = ctx.state.store.save(snapshot) {
        tracing::error!(%error, "the state cannot be saved; after a crash the holds that wait are denied");
    }
}

fn snapshot(ctx: &Context) -> Snapshot {
    let sessions = ctx.decider.sessions.iter().map(|session| SessionRecord {
        id: session.id.0,
        agent: session.agent.clone(),
        recognised_by: session.recognised_by.clone(),
        user: session.user,
        login: session.login,
        command: session.command.clone(),
        places: Places {
            container: session.container.clone(),
            pod: session.pod.clone(),
            home: session.home.clone(),
            workspace: session.workspace.clone(),
            project: session.project.clone(),
            prefix: session.prefix.clone(),
            serves: session.serves,
            served: session.served.clone(),
        },
        started: session.started.0,
        frozen: session.is_frozen(),
        terminal: session.terminal,
        seat: ctx.surveying.surroundings.get(&session.id).and_then(|around| around.seat),
        unattended: session.unattended.clone(),
        breaker: Some(session.breaker().clone()),
        suspension: session.suspension().cloned(),
        touched: session.touched(),
    });
    let mut sessions: Vec<SessionRecord> = sessions.collect();
    sessions.sort_by_key(|session| session.id);
    Snapshot {
        boot: ctx.state.boot.clone(),
        // Rounded up, so that an event alone does not cost a write to disk.
        next_event: (ctx.reporter.next_event() / 1000 + 1) * 1000,
        next_hold: ctx.decider.holds().next_number(),
        sessions,
        holds: ctx.decider.holds().waiting().cloned().collect(),
        grants: ctx.decider.holds().grants().all().to_vec(),
        let_go: ctx.decider.holds().let_go().iter().cloned().collect(),
        lingering: ctx.flows.lingering.iter().map(|(cookie, until)| (*cookie, until.0)).collect(),
        secrets: ctx.policies.catalog.secrets.ids().map(str::to_owned).collect(),
        accounts: accounts_of_waiting(ctx),
    }
}

/// Why the holds that wait do.
fn accounts_of_waiting(ctx: &Context) -> Vec<Account> {
    let waits = |account: &&Account| ctx.decider.holds().waiting().any(|hold| hold.number == account.hold);
    ctx.reporter.explanations.accounts.iter().filter(waits).cloned().collect()
}
