//! Who may see, and decide about, which sessions and holds: `docs/operations.md` has the table, route by role.

pub mod attempts;
pub mod memberships;
#[cfg(feature = "kubernetes")]
pub mod of_cluster;

use crate::{
    archive::Sight,
    config::{Config, Desktop, roles::Person},
    control::{
        api::{HoldView, Refusal, SessionView},
        command::{Command, RequestError},
        peer::Caller,
    },
    daemon::{
        context::{Context, reporter::explanations},
        serve::{
            refusals::{decided_before, not_permitted, one_of},
            views,
        },
    },
};
use interlock_core::{
    facts::{HoldState, SessionId},
    holds::{Hold, Holds},
    sessions::Registry,
};
use interlock_host::proc::{login, procfs};

/// Who started a process, and who started that, and so on: so many are looked at.
const ABOVE: usize = 32;

/// Refuses whoever carries a label, whoever is gone, and what somebody else has written than who connected. Each is told.
pub fn permit(ctx: &mut Context, command: &Command) -> Result<(), RequestError> {
    let caller = &command.caller;
    let strangers = caller.strangers.pids();
    for pid in std::iter::once(caller.pid).chain(strangers.iter().copied()) {
        if let Some(label) = ctx.kernel.maps.label(pid) {
            let session = SessionId(label.session);
            return Err(ctx.upkeep.asking.refuse(&mut ctx.reporter, &ctx.decider.sessions, session, pid));
        }
    }
    // Only now: that it lives says that the missing label was its own. Fails closed: unknown is not permitted.
    let why = if caller.process.as_ref().is_some_and(|process| !process.is_alive()) {
        "the calling process has ended or is ending, so nobody knows who asks".to_owned()
    } else if let Some(stranger) = strangers.first() {
        let opener = caller.pid;
        format!(
            "process {stranger} has written on the connection of process {opener}, so nobody knows whose word it is"
        )
    } else {
        return Ok(());
    };
    attempts::note_nobodys(ctx, caller, &command.request.asks(), &why);
    Err(not_permitted(&why))
}

/// Of a process, of who started it, and so on: those that carry a label, the nearest first, each with its session.
pub fn labelled(ctx: &Context, pid: u32) -> impl Iterator<Item = (u32, SessionId)> {
    let all = std::iter::once(pid).chain(login::above(pid, ABOVE));
    all.filter_map(|pid| Some((pid, SessionId(ctx.kernel.maps.label(pid)?.session))))
}

/// Whether an approval counts that was clicked in a notification which `shower` showed. Fails closed: that it was clicked, the
/// helper says by itself, as the person's own program; everything else is looked at here.
pub fn may_be_clicked(ctx: &mut Context, caller: &Caller, shower: u32) -> Result<(), RequestError> {
    if ctx.config.desktop != Desktop::Decide {
        let hint = "approve in a terminal: interlock approve ID (`desktop` of the configuration says so)";
        return Err(RequestError::NotPermitted(Refusal {
            error: "an approval that is clicked on the desktop does not count here".into(),
            hint: Some(hint.into()),
        }));
    }
    let found = labelled(ctx, shower).next();
    if let Some((pid, session)) = found {
        return Err(ctx.upkeep.asking.refuse(&mut ctx.reporter, &ctx.decider.sessions, session, pid));
    }
    // After the label, as in `permit`: the dead and the dying carry none.
    if procfs::user(shower) != Some(caller.uid) || !procfs::is_at_work(shower) {
        return Err(not_permitted("who showed the notification has ended, or is another user's"));
    }
    Ok(())
}

/// The caller, as far as roles go.
fn person(caller: &Caller) -> Person<'_> {
    Person { uid: caller.uid, groups: caller.groups() }
}

/// Everybody sees their own sessions, and those that they may decide about; viewers see all.
pub fn sees(config: &Config, caller: &Caller, owner: u32) -> bool {
    caller.uid == owner || config.approvers.permit(caller.uid, owner) || config.roles.sees_all(person(caller))
}

/// What the caller may see of events.
pub fn sight(config: &Config, caller: &Caller) -> Sight {
    let sight = Sight::of(caller.uid, &config.approvers);
    if config.roles.sees_all(person(caller)) { sight.of_everything() } else { sight }
}

/// Admins alone: root, and whom the configuration names.
pub fn administer(config: &Config, caller: &Caller, what: &str) -> Result<(), RequestError> {
    if config.roles.is_admin(person(caller)) {
        return Ok(());
    }
    Err(refused(caller, what, "admins may: root, and who `roles.admin` of the configuration names"))
}

/// Whether the caller sees a session.
pub fn is_visible(config: &Config, sessions: &Registry, caller: &Caller, id: SessionId) -> bool {
    sees(config, caller, explanations::owner(sessions, id))
}

pub fn visible_sessions(ctx: &Context, caller: &Caller) -> Vec<SessionView> {
    let ids = ctx.decider.sessions.ids();
    let sessions = ids.iter().filter_map(|id| ctx.decider.sessions.get(*id));
    sessions
        .filter(|session| sees(&ctx.config, caller, session.user))
        .map(|session| views::session_view(&ctx.decider, &ctx.reporter.wall, session))
        .collect()
}

pub fn visible_holds(ctx: &Context, caller: &Caller, all: bool) -> Vec<HoldView> {
    let decided = ctx.decider.holds().decided().filter(|_| all);
    let holds = decided.chain(ctx.decider.holds().waiting());
    holds
        .filter(|hold| sees_hold(ctx, caller, hold))
        .map(|hold| views::hold_view(&ctx.decider.sessions, &ctx.reporter.wall, hold))
        .collect()
}

/// Whether the caller sees a hold, also when its session is over.
fn sees_hold(ctx: &Context, caller: &Caller, hold: &Hold) -> bool {
    // One that an earlier version saved does not say whose it is: its session does, and where that is over it is root's. Fails closed.
    let owner =
        hold.owner.unwrap_or_else(|| explanations::owner(&ctx.decider.sessions, SessionId(hold.session)));
    sees(&ctx.config, caller, owner)
}

/// What a caller wants to do about a hold or a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Approve,
    /// Deny, freeze, take back: it lets nothing go on.
    Stop,
    Thaw,
}

/// A waiting hold that the caller may decide so. One that is decided is told to everybody who sees it.
pub fn hold_for(ctx: &Context, caller: &Caller, text: &str, act: Act) -> Result<Hold, RequestError> {
    let known = Holds::number(text).and_then(|number| ctx.decider.holds().get(number));
    let Some(hold) = known.filter(|hold| sees_hold(ctx, caller, hold)) else {
        let waiting: Vec<String> =
            visible_holds(ctx, caller, false).into_iter().map(|hold| hold.id).collect();
        return Err(RequestError::NotFound(Refusal {
            error: format!("there is no hold {text:?}"),
            hint: Some(one_of("waiting", &waiting)),
        }));
    };
    if hold.state != HoldState::Waiting {
        return Err(decided_before(&ctx.reporter.wall, hold));
    }
    let (config, id) = (&ctx.config, SessionId(hold.session));
    let owner = explanations::owner(&ctx.decider.sessions, id);
    match act {
        Act::Approve if config.approvers.permit(caller.uid, owner) => {}
        Act::Approve if config.roles.may_approve(person(caller), hold) => {}
        Act::Approve if config.roles.is_approver(person(caller)) => {
            let what = format!("approve {}: it is beyond the limits of what they approve", hold.id());
            return Err(refused(
                caller,
                &what,
                "`roles.approver` of the configuration has the limits; anybody who approves may deny",
            ));
        }
        Act::Approve | Act::Stop | Act::Thaw => may(ctx, caller, id, act)?,
    }
    Ok(hold.clone())
}

/// A session that the caller sees.
pub fn visible_session(ctx: &Context, caller: &Caller, text: &str) -> Result<SessionId, RequestError> {
    let known = ctx.decider.sessions.find(text);
    let seen = known.filter(|id| is_visible(&ctx.config, &ctx.decider.sessions, caller, *id));
    seen.ok_or_else(|| no_session(ctx, caller, text))
}

/// Whose session it is, and whoever may decide about it.
pub fn may_resume(ctx: &Context, caller: &Caller, id: SessionId) -> Result<(), RequestError> {
    if explanations::owner(&ctx.decider.sessions, id) == caller.uid {
        return Ok(());
    }
    may(ctx, caller, id, Act::Stop)
}

pub fn session_for(ctx: &Context, caller: &Caller, text: &str, act: Act) -> Result<SessionId, RequestError> {
    let id = visible_session(ctx, caller, text)?;
    may(ctx, caller, id, act)?;
    Ok(id)
}

/// Whether the caller may do that about a session. A thaw lets all of a session go on, so that of another's is for admins.
pub fn may(ctx: &Context, caller: &Caller, id: SessionId, act: Act) -> Result<(), RequestError> {
    let (config, who, owner) = (&ctx.config, person(caller), explanations::owner(&ctx.decider.sessions, id));
    let is_named = config.approvers.permit(caller.uid, owner);
    let may = match act {
        Act::Approve | Act::Stop => is_named || config.roles.is_approver(who),
        Act::Thaw => is_named && caller.uid == owner || config.roles.is_admin(who),
    };
    match act {
        _ if may => Ok(()),
        Act::Thaw if caller.uid != owner => Err(refused(
            caller,
            &format!("thaw session {id} of user {owner}"),
            "its owner may, and admins (`roles.admin`)",
        )),
        _ => Err(refused(
            caller,
            &format!("decide about session {id}"),
            "`approvers` and `roles` of the configuration say who may",
        )),
    }
}

/// A refusal, with why the caller's groups are not known where they are not.
fn refused(caller: &Caller, what: &str, hint: &str) -> RequestError {
    let unknown = match &caller.groups {
        Some(Err(why)) => format!("; its groups are not known: {why}"),
        Some(Ok(_)) | None => String::new(),
    };
    let error = format!("user {} may not {what}{unknown}", caller.uid);
    RequestError::NotPermitted(Refusal { error, hint: Some(hint.to_owned()) })
}

pub fn no_session(ctx: &Context, caller: &Caller, text: &str) -> RequestError {
    let known: Vec<String> = visible_sessions(ctx, caller).into_iter().map(|session| session.id).collect();
    RequestError::NotFound(Refusal {
        error: format!("there is no session {text:?}"),
        hint: Some(one_of("running", &known)),
    })
}
