//! Sessions begin: a process gets its label, and the kernel is told what its tree has of its own.

use monitor_common::label::{GATED, Label, Session as KernelSession};
use serde_json::{Value, json};

use crate::{
    config::Config,
    daemon::{
        context::{Context, reporter::Reporter},
        intake::{
            files::inherited,
            judge,
            lifecycle::{
                adopt, daemons, end,
                unseen::{self, Executed},
            },
            network::received,
            surveying::{
                self, pods,
                stores::{self, variable},
            },
        },
    },
};
use interlock_core::{
    catalog::Catalog,
    facts::{Lifecycle, Process, SessionId, Subject},
    recognition::{
        self,
        detection::{Recognised, Strength},
    },
    record::{Entry, Kind, Who},
    sessions::{Registry, Session},
};
use interlock_host::{
    clock::boot_now,
    probes::MapError,
    proc::{
        container::container,
        life::{Life, life},
        login,
        origin::Origin,
        person,
        procfs::{self, Running},
        seat::Controlling,
        surroundings::Surroundings,
        terminal::{self, has_the_keys},
    },
};

/// Who started a session's root, and who started that, and so on: so many are recorded.
const PARENTS: usize = 8;

/// What a new session is known by.
pub struct NewSession {
    pub agent: String,
    pub recognised_by: String,
    pub command: Option<String>,
    /// When it executed its program, where that is why it begins. Of one that ran long before nobody claims to know what it did.
    pub executed: Option<Executed>,
}

/// Why a process became no session.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    #[error("it ended before it could be labelled")]
    Ended,
    #[error("user {user} has {most} sessions, as many as one user may have (sessions_per_user)")]
    TooMany { user: u32, most: usize },
    #[error("the kernel's tables refused it: {0}")]
    Refused(#[from] MapError),
}

impl EnrollError {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::TooMany { .. } => "too-many",
            Self::Refused(_) => "refused",
        }
    }
}

/// Makes a process the root of a session. The label comes first: what it forks from here on inherits it. What the rules
/// say of it comes last: they may freeze the tree, which must be known by then. One that ended meanwhile ends its session.
pub fn begin_session(
    ctx: &mut Context,
    running: Running,
    new_session: NewSession,
) -> Result<SessionId, EnrollError> {
    let Running { process, env } = running;
    if matches!(life(process.pid, process.start), Life::Ending | Life::Ended) {
        return Err(EnrollError::Ended);
    }
    let user = procfs::user(process.pid).ok_or(EnrollError::Ended)?;
    let user = person::person(process.pid, user);
    check_share(&ctx.config, &ctx.decider.sessions, user)?;
    let id = label_root(ctx, &process)?;
    let mut session = Session::new(id, new_session.agent, new_session.recognised_by, boot_now());
    session.user = user;
    session.login = login::logged_in(process.pid);
    session.command = new_session.command.unwrap_or_else(|| process.command_line());
    session.container = container(process.pid);
    session.pod = ctx.surveying.pods.of(session.container.as_ref(), &ctx.policies.catalog.workspaces);
    session.home = variable(&env, "HOME").filter(|home| home.starts_with('/'));
    let (pid, start, started, executed) = (process.pid, process.start, session.started, new_session.executed);
    session.terminal = terminal::stat(pid).filter(has_the_keys).map(|_| pid);
    session.unattended = ctx.config.unattended.reason(&env, procfs::has_terminal(pid));
    ctx.decider.sessions.insert(session);
    let origin = Origin::of(pid, &mut ctx.surveying.mounts);
    let seat = Controlling::of(pid);
    ctx.reporter.channels.terminals.sits(id, seat);
    ctx.surveying.surroundings.insert(id, Surroundings { origin, seat, ..Surroundings::default() });
    let program = process.executable.clone();
    ctx.decider.sessions.add_process(id, process);
    unseen::is_watched(&mut ctx.decider.sessions, id);
    stores::move_stores(ctx, id, &env);
    surveying::survey_whole(ctx, id, pid, &env);
    record_session(&mut ctx.reporter, &ctx.decider.sessions, id, &program);
    settle_prefix(&mut ctx.decider.sessions, &ctx.policies.catalog, id, pid);
    daemons::meet_daemons(&mut ctx.decider.sessions, &ctx.policies.catalog, id);
    received::note_open_sockets(ctx, id, pid);
    adopt::adopt_descendants(ctx, pid, executed.is_some());
    if let Some(executed) = executed {
        unseen::doubt_the_ended(ctx, id, executed);
    }
    part_daemons(ctx, id);
    judge::judge_fact(ctx, id, pid, started, Subject::Lifecycle(Lifecycle::Started));
    inherited::judge_inherited(ctx, id, pid);
    end::unlabel_if_ended(ctx, pid, start);
    ctx.state.save();
    Ok(id)
}

/// Who carries the authority of what the session will do. Not at once on disk: sessions begin as often as somebody likes.
fn record_session(reporter: &mut Reporter, sessions: &Registry, id: SessionId, program: &str) {
    let Some(session) = sessions.get(id) else { return };
    let root = id.root();
    let parents = login::ancestors(root, PARENTS).into_iter();
    let parents: Vec<Value> =
        parents.map(|above| json!({ "pid": above.pid, "program": above.program })).collect();
    let [namespace, pod_name, workload, account, owner, trust] = pods::detail(session.pod.as_deref());
    let detail = [
        ("agent", session.agent.clone().into()),
        ("recognised_by", session.recognised_by.clone().into()),
        ("pid", root.into()),
        ("program", program.into()),
        ("user", session.user.into()),
        ("login_uid", login::login_uid(root).into()),
        ("tty", login::tty(root).into()),
        ("parents", parents.into()),
        ("container", session.container.as_ref().map(|container| container.id.clone()).into()),
        ("pod", session.container.as_ref().and_then(|container| container.pod.clone()).into()),
        ("workspace", session.workspace.as_ref().map(|path| path.display().to_string()).into()),
        ("unattended", session.unattended.clone().into()),
        namespace,
        pod_name,
        workload,
        account,
        owner,
        trust,
    ];
    reporter.keep(Entry::noted(Kind::Session, Who::Daemon, id, detail));
}

/// The kernel's table is everybody's: one user's sessions must not leave another's unwatched.
fn check_share(config: &Config, sessions: &Registry, user: u32) -> Result<(), EnrollError> {
    let most = config.sessions_per_user;
    let has = sessions.iter().filter(|session| session.user == user).count();
    if user != 0 && has >= most { Err(EnrollError::TooMany { user, most }) } else { Ok(()) }
}

fn label_root(ctx: &mut Context, process: &Process) -> Result<SessionId, MapError> {
    let id = procfs::session_of(process);
    let flags = if ctx.decider.settings.rules.always_gated() { GATED } else { 0 };
    let session = KernelSession { flags, ..KernelSession::default() };
    // First the label: what the process forks meanwhile is known to be its.
    let labelled = ctx.kernel.maps.add_session(id, session).and_then(|()| {
        ctx.kernel.maps.set_label(process.pid, Label { session: id.0, start_ns: process.start.0 })
    });
    ctx.kernel.expect_session(&ctx.reporter.metrics);
    if labelled.is_err() {
        ctx.kernel.maps.remove_session(id);
        ctx.kernel.follow_sessions(&ctx.decider.sessions, &ctx.flows.lingering, &ctx.reporter.metrics);
    }
    labelled.map(|()| id)
}

/// Notes where the agent is installed: what it relaunches from there is itself.
fn settle_prefix(sessions: &mut Registry, catalog: &Catalog, id: SessionId, pid: u32) {
    let Some((session, root)) = sessions.get(id).zip(sessions.process(pid)) else {
        return;
    };
    let (home, workspace) = (session.home.as_deref(), session.workspace.as_deref());
    let prefix = recognition::prefix(catalog, root, home, workspace);
    if let Some(session) = sessions.get_mut(id) {
        session.prefix = prefix;
    }
}

/// A member of a session became its agent's daemon, which serves others too: it becomes a session of its own, so that
/// what it runs for another terminal is not the first one's.
///
/// Only what the session's root itself starts: a daemon that a command starts belongs to the command, else every session
/// could leave what it touched behind. For the same reason the session must not have touched anything yet.
pub fn part_daemon(ctx: &mut Context, from: SessionId, process: &Process) {
    let Some(agent) = daemons::daemon_of(&ctx.decider.sessions, &ctx.policies.catalog, from, process) else {
        return;
    };
    let Some(running) = procfs::read(process.pid) else { return };
    let running = Running { process: process.clone(), env: running.env };
    let recognised = Recognised {
        by: format!("daemon of {from}"),
        strength: Strength::Strong,
        is_set_by_agent: false,
        approval_off: None,
        agent,
    };
    match begin_session(ctx, running, new_session(recognised, "")) {
        Ok(id) => adopt::take_along(ctx, process.pid, from, id),
        Err(EnrollError::Ended) => {}
        // Fails closed: it stays in the session that started it, and is watched as a part of that.
        Err(why) => {
            tracing::warn!(session = %from, pid = process.pid, %why, "a daemon of its agent stays in its session")
        }
    }
}

/// The same of those that were executed before they were labelled.
fn part_daemons(ctx: &mut Context, from: SessionId) {
    let members: Vec<Process> = ctx
        .decider
        .sessions
        .processes()
        .filter(|(session, process)| *session == from && process.pid != from.root())
        .map(|(_, process)| process.clone())
        .collect();
    members.iter().for_each(|process| part_daemon(ctx, from, process));
}

pub fn new_session(recognised: Recognised, how: &str) -> NewSession {
    let asks_nobody = recognised.approval_off.map(|by| format!(", asks nobody ({by})")).unwrap_or_default();
    NewSession {
        agent: recognised.agent,
        recognised_by: format!("{how}{}{asks_nobody}", recognised.by),
        command: None,
        executed: None,
    }
}
