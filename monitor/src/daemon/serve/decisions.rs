//! What persons decide: sessions are enrolled, frozen and thawed, holds approved and denied.

pub mod answers;
#[cfg(feature = "kubernetes")]
pub mod cluster;
pub mod grants;
pub mod suspending;

use serde_json::Value;

use crate::{
    config::OnFull,
    control::{
        api::{Enroll, HoldView, SessionView},
        command::{RequestError, Strength},
        peer::Caller,
    },
    daemon::{
        apply,
        context::Context,
        intake::lifecycle::begin::{self, NewSession},
        serve::{
            permissions::{self, Act},
            refusals::{refusal, undecidable, unrecorded},
            strength::given::given,
            views,
        },
    },
};
use interlock_core::{
    catalog::agents::COMMAND,
    decide::Input,
    facts::SessionId,
    holds::{Holds, Undecidable},
    mask,
    record::{Kind, Origin, Who},
    sessions::Session,
};
use interlock_host::proc::{login, procfs};

/// Those that the caller sees, who has then seen who waits under each.
pub fn show_holds(ctx: &mut Context, caller: &Caller, all: bool) -> Vec<HoldView> {
    let holds = permissions::visible_holds(ctx, caller, all);
    for hold in holds.iter().filter_map(|hold| Holds::number(&hold.id)) {
        apply::step(ctx, Input::Shown { hold });
    }
    holds
}

pub fn enroll(ctx: &mut Context, caller: &Caller, enroll: Enroll) -> Result<SessionView, RequestError> {
    let Some(running) = procfs::read(caller.pid) else {
        return Err(RequestError::Conflict(refusal("the calling process has ended")));
    };
    let command = (!enroll.command.is_empty()).then(|| mask::shown_arguments(&enroll.command));
    let new_session =
        NewSession { agent: COMMAND.into(), recognised_by: "run".into(), command, executed: None };
    let who = who(ctx, caller); // before it is a member itself
    let id = begin::begin_session(ctx, running, new_session)
        .map_err(|why| RequestError::Conflict(refusal(&format!("no session can begin: {why}"))))?;
    let Some(view) = ctx
        .decider
        .sessions
        .get(id)
        .map(|session| views::session_view(&ctx.decider, &ctx.reporter.wall, session))
    else {
        return Err(RequestError::Conflict(refusal("the calling process has ended")));
    };
    ctx.reporter.record(Kind::Enroll, who, Some(id), [("command", view.command.clone().into())]);
    Ok(view)
}

pub fn freeze_by(ctx: &mut Context, caller: &Caller, text: &str) -> Result<SessionView, RequestError> {
    let id = permissions::session_for(ctx, caller, text, Act::Stop)?;
    let who = who(ctx, caller);
    apply::step(ctx, Input::FreezeAsked { session: id, who });
    view_of(ctx, caller, id)
}

pub fn kill_by(ctx: &mut Context, caller: &Caller, text: &str) -> Result<SessionView, RequestError> {
    let id = permissions::session_for(ctx, caller, text, Act::Stop)?;
    let who = who(ctx, caller);
    // Fails open: ending a tree does not wait for a disk. What could not be recorded is counted and told.
    apply::step(ctx, Input::KillAsked { session: id, who });
    view_of(ctx, caller, id)
}

/// A frozen session that the caller may thaw.
pub fn thawable<'c>(ctx: &'c Context, caller: &Caller, text: &str) -> Result<&'c Session, RequestError> {
    let id = permissions::session_for(ctx, caller, text, Act::Thaw)?;
    let frozen = ctx.decider.sessions.get(id).filter(|session| session.is_frozen());
    frozen.ok_or_else(|| RequestError::Conflict(refusal(&format!("session {id} is not frozen"))))
}

pub fn thaw_by(
    ctx: &mut Context,
    caller: &Caller,
    text: &str,
    strength: Option<Strength>,
) -> Result<SessionView, RequestError> {
    let id = thawable(ctx, caller, text)?.id;
    let who = decider(ctx, caller, strength)?;
    provable(ctx, Kind::Thaw, &who, id, [], "thawed")?;
    apply::step(ctx, Input::Thawed { session: id, who });
    view_of(ctx, caller, id)
}

/// Records a decision that lets something go on. Fails closed, unless the configuration says otherwise: what cannot be proved
/// afterwards is not let through.
fn provable<const N: usize>(
    ctx: &mut Context,
    kind: Kind,
    who: &Who,
    session: SessionId,
    detail: [(&str, Value); N],
    done: &str,
) -> Result<(), RequestError> {
    let is_recorded = ctx.reporter.record(kind, who.clone(), Some(session), detail);
    if is_recorded || ctx.config.on_full == OnFull::Degrade {
        return Ok(());
    }
    Err(unrecorded(ctx.reporter.ledger.path(), ctx.reporter.unwritten.why(), done))
}

/// Who decides what takes a factor, with what they gave.
fn decider(ctx: &Context, caller: &Caller, strength: Option<Strength>) -> Result<Who, RequestError> {
    let factor = given(strength)?;
    let mut who = who(ctx, caller);
    if let Who::Caller { from: Some(origin), .. } = &mut who {
        origin.factor = Some(factor);
    }
    Ok(who)
}

/// Who decides, as it is recorded. Whoever carries a label was refused before; that nobody above does is looked at again, for those
/// who read the record.
fn who(ctx: &Context, caller: &Caller) -> Who {
    let pid = caller.pid;
    let labelled = permissions::labelled(ctx, pid).count();
    let origin = Origin {
        by: "control socket".to_owned(),
        login_uid: login::login_uid(pid),
        tty: login::tty(pid),
        labelled: u32::try_from(labelled).unwrap_or(u32::MAX),
        factor: None,
    };
    Who::Caller { uid: caller.uid, pid, from: Some(Box::new(origin)) }
}

/// A hold after its decision.
fn decided(ctx: &Context, number: u64) -> Result<HoldView, RequestError> {
    let hold = ctx.decider.holds().get(number);
    hold.map(|hold| views::hold_view(&ctx.decider.sessions, &ctx.reporter.wall, hold))
        .ok_or_else(|| undecidable(number, &Undecidable::Unknown))
}

fn view_of(ctx: &Context, caller: &Caller, id: SessionId) -> Result<SessionView, RequestError> {
    let session =
        ctx.decider.sessions.get(id).ok_or_else(|| permissions::no_session(ctx, caller, &id.to_string()))?;
    Ok(views::session_view(&ctx.decider, &ctx.reporter.wall, session))
}
