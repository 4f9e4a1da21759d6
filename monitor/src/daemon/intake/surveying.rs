//! Surveys: what a session has in its own mounts, looked at when it begins, when one of its processes turns up in another
//! mount namespace, when mounts change, and now and then: a kubelet renews a token under a name that says nothing.
//!
//! A session can have its files on a file system that never answers. The event loop waits for a moment when the session
//! begins, for nothing otherwise, and for so long in a minute altogether; what was not found in time is tagged when it is
//! found, and known by its name until then.

pub mod cluster;
pub mod pods;
pub mod stores;
mod strangers;

use std::{
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use crate::daemon::{
    apply,
    context::{
        Context,
        surveying::{
            Surveying,
            surveys::{RUNNING_MAX, Running, View},
        },
    },
};
use interlock_core::{
    catalog::secrets::Secrets,
    decide::Input,
    facts::{BootNanos, SessionId},
    sessions::Registry,
};
use interlock_host::{
    clock::boot_now,
    proc::{
        procfs,
        survey::{self, Namespace, Question, namespace},
    },
};

use self::stores::{move_stores, variable};

/// How long a survey takes where everything answers, on a loaded machine.
const USUAL: Duration = Duration::from_millis(100);
/// How long the event loop waits for the survey of a session that begins: while look-ups are answered, and no longer than this.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_secs(1);
/// Processes that are looked at for one that still is in a namespace.
const SEARCHED_MAX: usize = 256;

/// Looks at what a session that begins has, `pid` being its root, and waits for it a moment.
pub fn survey_whole(ctx: &mut Context, id: SessionId, pid: u32, env: &[(String, String)]) {
    let question = question(&ctx.policies.catalog.secrets, pid, env, true);
    survey(ctx, id, question, SURVEY_TIMEOUT);
}

/// Looks at the session's stores again, by the environment that its root has, or another of its processes.
pub fn tag_stores(ctx: &mut Context, id: SessionId) {
    let pids = ctx.decider.sessions.pids(id, id.root());
    if let Some(running) = pids.into_iter().take(SEARCHED_MAX).find_map(procfs::read) {
        move_stores(ctx, id, &running.env);
        let question = question(&ctx.policies.catalog.secrets, running.process.pid, &running.env, false);
        survey(ctx, id, question, SURVEY_TIMEOUT);
    }
}

/// A process of a session runs a program: in mounts that were not looked at yet, or that have changed?
pub fn look_around(ctx: &mut Context, id: SessionId, pid: u32) {
    let namespace = namespace(pid);
    strangers::note(&mut ctx.surveying, id, pid, namespace);
    let Some(namespace) = namespace.filter(|_| ctx.decider.sessions.get(id).is_some()) else { return };
    let now = boot_now();
    if ctx.surveying.surveys.view(id, namespace, pid).is_some_and(|view| view.stale && view.is_due(now)) {
        survey_namespace(ctx, id, namespace, pid);
    }
}

/// A process of a session mounts something, or takes a mount away: reported before it happens, so looked at a little later.
pub fn mounts_change(surveying: &mut Surveying, sessions: &Registry, id: SessionId, pid: u32) {
    let Some(namespace) = namespace(pid).filter(|_| sessions.get(id).is_some()) else {
        return;
    };
    surveying.surveys.view(id, namespace, pid);
    surveying.surveys.unsettle(namespace);
}

/// What is due.
pub fn survey_again(ctx: &mut Context, now: BootNanos) {
    for id in ctx.decider.sessions.ids() {
        let mut views = ctx.surveying.surveys.views.remove(&id).unwrap_or_default();
        views.retain_mut(|view| is_there(&ctx.decider.sessions, id, view));
        let mut due = Vec::new();
        for view in &mut views {
            view.stale |= view.has_changed();
            due.extend(view.is_due(now).then_some((view.namespace, view.pid)));
        }
        ctx.surveying.surveys.views.insert(id, views);
        due.into_iter().for_each(|(namespace, pid)| survey_namespace(ctx, id, namespace, pid));
    }
}

/// Takes in what late surveys have found.
pub fn take_surveys(ctx: &mut Context) {
    for (id, survey) in ctx.surveying.surveys.answers() {
        stores::settle(ctx, id, survey);
    }
    if ctx.surveying.surveys.strangers && ctx.surveying.surveys.running.is_empty() {
        ctx.surveying.surveys.strangers = false;
        ctx.kernel.untag_strangers();
    }
}

/// Tags that an earlier daemon left and this one does not find go once every survey has answered. Fails closed: while
/// one does not, they stay.
pub fn untag_strangers_later(ctx: &mut Context) {
    ctx.surveying.surveys.strangers = true;
    take_surveys(ctx);
}

pub fn forget_surveys(surveying: &mut Surveying, id: SessionId) {
    surveying.surveys.views.remove(&id);
    surveying.strangers.forget(id);
}

/// Whether somebody of the session still is in the namespace; whoever is stands for it from now on.
fn is_there(sessions: &Registry, id: SessionId, view: &mut View) -> bool {
    let pids = std::iter::once(view.pid).chain(sessions.pids(id, id.root()));
    let found = pids.take(SEARCHED_MAX).find(|pid| namespace(*pid) == Some(view.namespace));
    view.pid = found.unwrap_or(view.pid);
    found.is_some()
}

fn survey_namespace(ctx: &mut Context, id: SessionId, namespace: Namespace, pid: u32) {
    if ctx.surveying.surveys.is_running(id, namespace) || !ctx.surveying.surveys.has_room(id) {
        return; // still stale: tried again at the next tick
    }
    // Its own environment: a sandbox may give it another home.
    let Some(running) = procfs::read(pid) else { return };
    let question = question(&ctx.policies.catalog.secrets, pid, &running.env, false);
    survey(ctx, id, question, Duration::ZERO);
}

fn question(secrets: &Secrets, pid: u32, env: &[(String, String)], workspace: bool) -> Question {
    let lookup = |name: &str| variable(env, name);
    Question {
        pid,
        user: procfs::user(pid).unwrap_or_default(),
        home: lookup("HOME"),
        workspace,
        places: secrets.places(&secrets.moved(&lookup)),
    }
}

/// Has a thread look, and waits for it as long as `wanted`, if that much is left to wait.
fn survey(ctx: &mut Context, id: SessionId, question: Question, wanted: Duration) {
    let (pid, found) = (question.pid, namespace(question.pid));
    if let Some(namespace) = found
        && let Some(view) = ctx.surveying.surveys.view(id, namespace, pid)
    {
        let _ = view.has_changed(); // what was mounted so far is looked at now
        (view.looked, view.stale) = (boot_now(), false);
    }
    if ctx.decider.sessions.get(id).is_some() {
        let around = ctx.surveying.surroundings.entry(id).or_default();
        around.namespace = around.namespace.or(found);
    }
    // Fails open, visibly: what is not found is known by its name only, and a workspace that is not known is foreign.
    if ctx.surveying.surveys.running.len() >= RUNNING_MAX {
        tracing::warn!(session = %id, pid, "too many file systems do not answer: its stores are known by name only");
        return;
    }
    let answer = match survey::start(question, ctx.mailbox.waker()) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(session = %id, pid, %error, "its stores are known by name only");
            return;
        }
    };
    let (timeout, began) = (ctx.surveying.surveys.budget.of(wanted), Instant::now());
    let answered = answer.wait(QUIET, timeout);
    // A file system that answers as file systems do takes nothing from the budget, however many sessions begin.
    ctx.surveying.surveys.budget.spend(began.elapsed().saturating_sub(USUAL));
    match answered {
        Ok(survey) => stores::settle(ctx, id, survey),
        Err(RecvTimeoutError::Disconnected) => {}
        Err(RecvTimeoutError::Timeout) => {
            // What a sandbox mounts for a command is never waited for, and known by name until it is found: fails open.
            if !wanted.is_zero() {
                tracing::warn!(session = %id, pid, "a file system is slow to answer: its stores are known by name only until it does");
                if timeout.is_zero() {
                    // Nobody waited for this one at all: fails closed.
                    doubt_unsurveyed(ctx, id, pid);
                }
            }
            ctx.surveying.surveys.running.push(Running { session: id, namespace: found, answer });
        }
    }
}

/// A session's stores were not looked for when it began, because those of others took all the time there is.
fn doubt_unsurveyed(ctx: &mut Context, id: SessionId, pid: u32) {
    let root = ctx.decider.sessions.actor(id, pid).cloned().unwrap_or_default();
    let why = "its stores could not be looked for when it began";
    apply::step(ctx, Input::Doubted { session: id, process: Box::new(root), why });
}
