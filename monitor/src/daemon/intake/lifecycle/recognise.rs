//! Recognition: an agent that starts, or was running before the daemon, becomes the root of a session.

use std::collections::{HashMap, HashSet};

use monitor_common::event::process::ExecCandidate;

use crate::daemon::{
    context::{Context, reporter::Reporter},
    intake::{
        lifecycle::{
            agents,
            begin::{self, EnrollError, NewSession, new_session},
            unseen::Executed,
        },
        surveying::pods,
    },
};
use interlock_core::{
    facts::{BootNanos, Process, Severity},
    recognition::detection::Recognised,
    sessions::{Registry, adoption},
    strings::{strings, text},
};
use interlock_host::{
    clock::boot_now,
    proc::{
        container::container,
        procfs::{self, Running},
    },
};

/// A process without a label runs a new program: is it an agent?
pub fn on_candidate(ctx: &mut Context, candidate: &ExecCandidate) {
    let exec = &candidate.exec;
    let pid = exec.header.tgid;
    let cut = exec.env_size > exec.env_len;
    let process = Process {
        pid,
        parent: 0,
        start: BootNanos(exec.start_ns),
        executable: text(&exec.filename),
        args: strings(&exec.args, exec.args_len).into(),
        args_unknown: false,
    };
    let mut running = Running { process, env: variables(&strings(&candidate.env, exec.env_len), cut) };
    let mut recognised = agents::recognised(&ctx.policies.catalog, &running);
    if recognised.is_none() && cut {
        // Only the end of a large environment fits into a record; the whole is read where the process still runs.
        if let Some(whole) = procfs::read(pid) {
            running.env = whole.env;
            recognised = agents::recognised(&ctx.policies.catalog, &running);
        }
    }
    let Some(recognised) = recognised else { return };
    let executed =
        Executed { at: BootNanos(exec.header.at_ns), reaped: procfs::reaped(pid), looked: boot_now() };
    if !agents::watches(&ctx.config, pid) {
        return;
    }
    if ctx.kernel.maps.label(pid).is_some() {
        return executed_unlabelled(ctx, running.process);
    }
    if agents::is_a_persons(&ctx.policies.catalog, &running, &recognised) {
        return;
    }
    if let Some((running, recognised)) =
        agents::behind(&ctx.config, &ctx.policies.catalog, &running, &recognised)
    {
        if ctx.kernel.maps.label(running.process.pid).is_none() {
            // It has run for long: what it started before is nobody's to tell.
            watch(ctx, running, new_session(recognised, ""));
        }
        if ctx.kernel.maps.label(pid).is_some() {
            return;
        }
    }
    running.process.parent = procfs::read(pid).map_or(0, |running| running.process.parent);
    let executed = Some(executed);
    watch(ctx, running, NewSession { executed, ..new_session(recognised, "") });
}

/// An agent's program was executed before its process got the label of a session.
fn executed_unlabelled(ctx: &mut Context, process: Process) {
    let Some(session) = ctx.decider.sessions.session_of(process.pid) else { return };
    let Some(known) = ctx.decider.sessions.process_mut(process.pid) else { return };
    let process = Process { parent: known.parent, start: known.start, ..process };
    *known = process.clone();
    begin::part_daemon(ctx, session, &process);
}

/// Finds the agents that were running before the daemon.
pub fn adopt(ctx: &mut Context) {
    let parents = procfs::parents();
    let mut roots: HashMap<u32, (Running, Recognised)> = HashMap::new();
    for (pid, _) in &parents {
        if ctx.kernel.maps.label(*pid).is_some() || !agents::watches(&ctx.config, *pid) {
            continue;
        }
        let Some(running) = procfs::read(*pid) else { continue };
        let Some(recognised) = agents::recognised(&ctx.policies.catalog, &running) else { continue };
        if agents::is_a_persons(&ctx.policies.catalog, &running, &recognised) {
            continue;
        }
        let (running, recognised) = agents::behind(&ctx.config, &ctx.policies.catalog, &running, &recognised)
            .unwrap_or((running, recognised));
        roots.entry(running.process.pid).or_insert((running, recognised));
    }
    let known: HashSet<u32> = roots.keys().copied().collect();
    let assigned = adoption::assign(&parents, &known);
    let mut outermost: Vec<u32> = known.into_iter().filter(|pid| assigned.get(pid) == Some(pid)).collect();
    outermost.sort_unstable();
    for root in outermost {
        let Some((running, recognised)) = roots.remove(&root) else { continue };
        watch(ctx, running, new_session(recognised, "adopted, "));
    }
}

/// Makes an agent that was recognised the root of a session. Fails open, visibly: an agent that cannot be watched runs.
fn watch(ctx: &mut Context, running: Running, new_session: NewSession) {
    let (process, agent) = (running.process.clone(), new_session.agent.clone());
    if is_left_out(ctx, &process, &agent) {
        return;
    }
    let Err(why) = begin::begin_session(ctx, running, new_session) else { return };
    ctx.reporter.metrics.sessions_unwatched(why.name());
    if matches!(why, EnrollError::Ended) {
        // What it left behind, if anything, cannot be told from other processes.
        tracing::warn!(pid = process.pid, agent, reason = %why, "an agent is not watched");
        return;
    }
    if ctx.upkeep.unwatched_log.count(procfs::user(process.pid).unwrap_or(0), boot_now()) {
        report_unwatched(&mut ctx.reporter, &ctx.decider.sessions, &process, agent, &why);
    }
}

/// Whether its pod is outside of the selection; that is told, once.
fn is_left_out(ctx: &mut Context, process: &Process, agent: &str) -> bool {
    let container = container(process.pid);
    let Some(pod) = ctx.surveying.pods.left_out(container.as_ref()).cloned() else { return false };
    if ctx.surveying.pods.is_first_outside(process.pid, process.start) {
        pods::report_outside(ctx, process, agent, &pod);
    }
    true
}

/// Looks for agents that run unwatched, where there is room now.
pub fn watch_the_unwatched(ctx: &mut Context) {
    if ctx.upkeep.unwatched_log.try_again() {
        adopt(ctx);
    }
}

fn report_unwatched(
    reporter: &mut Reporter,
    sessions: &Registry,
    process: &Process,
    agent: String,
    why: &EnrollError,
) {
    let event = reporter
        .event_of_daemon("session-unwatched")
        .process(process)
        .alert(Severity::High, "an agent runs without being watched")
        .with("interlock.action", "alert")
        .with("interlock.reason", why.to_string())
        .with("session.agent", agent);
    reporter.publish(sessions, event);
}

/// `NAME=value` strings; where the block's beginning is missing, the first piece is half a variable.
fn variables(block: &[String], cut: bool) -> Vec<(String, String)> {
    block
        .iter()
        .skip(usize::from(cut))
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
