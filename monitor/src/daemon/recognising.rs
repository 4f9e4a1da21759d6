//! Recognition: an agent that starts, or was running before the daemon, becomes the root of a session.

use std::{
    collections::{HashMap, HashSet},
    os::unix::fs::MetadataExt as _,
};

use monitor_common::event::process::ExecCandidate;

use super::{
    beginning::{Executed, NewSession, new_session},
    engine::Engine,
};
use interlock_core::{
    facts::{BootNanos, Process},
    recognition::detection::{Image, Recognised, Seen, Strength},
    sessions::adoption,
    strings::{strings, text},
};
use interlock_host::{
    clock::boot_now,
    proc::{
        procfs::{self, Running},
        setter,
        sight::Sight,
        terminal,
    },
};

impl Engine {
    /// A process without a label runs a new program: is it an agent?
    pub fn on_candidate(&mut self, candidate: &ExecCandidate) {
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
        let mut recognised = self.recognised(&running);
        if recognised.is_none() && cut {
            // Only the end of a large environment fits into a record; the whole is read where the process still runs.
            if let Some(whole) = procfs::read(pid) {
                running.env = whole.env;
                recognised = self.recognised(&running);
            }
        }
        let Some(recognised) = recognised else { return };
        let executed =
            Executed { at: BootNanos(exec.header.at_ns), reaped: procfs::reaped(pid), looked: boot_now() };
        if !self.watches(pid) {
            return;
        }
        if self.maps.label(pid).is_some() {
            return self.executed_unlabelled(running.process);
        }
        if self.is_a_persons(&running, &recognised) {
            return;
        }
        if let Some((running, recognised)) = self.behind(&running, &recognised) {
            if self.maps.label(running.process.pid).is_none() {
                // It has run for long: what it started before is nobody's to tell.
                self.watch(running, new_session(recognised, ""));
            }
            if self.maps.label(pid).is_some() {
                return;
            }
        }
        running.process.parent = procfs::read(pid).map_or(0, |running| running.process.parent);
        let executed = Some(executed);
        self.watch(running, NewSession { executed, ..new_session(recognised, "") });
    }

    /// An agent's program was executed before its process got the label of a session.
    fn executed_unlabelled(&mut self, process: Process) {
        let Some(session) = self.decider.sessions.session_of(process.pid) else { return };
        let Some(known) = self.decider.sessions.process_mut(process.pid) else { return };
        let process = Process { parent: known.parent, start: known.start, ..process };
        *known = process.clone();
        self.part_daemon(session, &process);
    }

    /// Whether a process is this daemon's business: with `watch_below` only what descends from that process is.
    pub fn watches(&self, pid: u32) -> bool {
        self.config.watch_below.is_none_or(|ancestor| procfs::descends_from(pid, ancestor))
    }

    /// Finds the agents that were running before the daemon.
    pub fn adopt(&mut self) {
        let parents = procfs::parents();
        let mut roots: HashMap<u32, (Running, Recognised)> = HashMap::new();
        for (pid, _) in &parents {
            if self.maps.label(*pid).is_some() || !self.watches(*pid) {
                continue;
            }
            let Some(running) = procfs::read(*pid) else { continue };
            let Some(recognised) = self.recognised(&running) else { continue };
            if self.is_a_persons(&running, &recognised) {
                continue;
            }
            let (running, recognised) = self.behind(&running, &recognised).unwrap_or((running, recognised));
            roots.entry(running.process.pid).or_insert((running, recognised));
        }
        let known: HashSet<u32> = roots.keys().copied().collect();
        let assigned = adoption::assign(&parents, &known);
        let mut outermost: Vec<u32> =
            known.into_iter().filter(|pid| assigned.get(pid) == Some(pid)).collect();
        outermost.sort_unstable();
        for root in outermost {
            let Some((running, recognised)) = roots.remove(&root) else { continue };
            self.watch(running, new_session(recognised, "adopted, "));
        }
    }

    /// The agent that a process is, or was started by. The process itself is looked at where its name alone does not tell.
    fn recognised(&self, running: &Running) -> Option<Recognised> {
        let agents = &self.policies.catalog.agents;
        let image = image(running, Seen::default());
        let at_once = agents.recognise(&image);
        if at_once.as_ref().is_some_and(|found| found.strength == Strength::Strong) {
            return at_once;
        }
        let pid = running.process.pid;
        let mut sight = Sight::of(pid);
        let is_hinted = agents.is_hinted(&image);
        if !sight.leads_elsewhere(&running.process.executable) && !is_hinted {
            return at_once;
        }
        if is_hinted {
            sight = sight.with_script(pid, agents.script(&image).as_deref()).with_holdings(pid, &running.env);
        }
        let looked = agents.recognise(&Image { seen: sight.seen(), ..image });
        looked.filter(|found| found.strength == Strength::Strong).or(at_once)
    }

    /// Whether a mark alone says that the process is an agent's, and it is a person's all the same: Interlock's own program, by which
    /// people decide, or what the shell of a login's terminal started that has set the mark itself (`~/.bashrc`). An agent that is
    /// followed has its label and never comes here; one that is not could as well leave the mark out.
    fn is_a_persons(&self, marked: &Running, recognised: &Recognised) -> bool {
        if recognised.strength == Strength::Strong {
            return false;
        }
        let pid = marked.process.pid;
        let program = |pid: &str| {
            std::fs::metadata(format!("/proc/{pid}/exe")).map(|file| (file.dev(), file.ino())).ok()
        };
        let own = program("self");
        if own.is_some() && program(&pid.to_string()) == own {
            return true;
        }
        let agents = &self.policies.catalog.agents;
        let carries = |running: &Running| agents.is_marked_alike(&running.env, recognised);
        let parent = |pid: u32| procfs::read(procfs::parent(pid)?);
        let leads_a_terminal =
            |pid| terminal::stat(pid).is_some_and(|stat| stat.leader == pid && stat.foreground.is_some());
        let found = setter::setter(pid, parent, carries, |running| {
            agents.is_bystander(&running.process.executable) && leads_a_terminal(running.process.pid)
        });
        if let Some(shell) = &found {
            tracing::warn!(
                pid,
                shell = shell.process.pid,
                agent = recognised.agent,
                mark = recognised.by,
                "a person's shell sets an agent's mark; what it starts is not taken for an agent by that alone: remove the mark from its start files"
            );
        }
        found.is_some()
    }

    /// The agent behind a process that only its environment shows: who set the mark. `None` where that is a person's
    /// program, or nobody can be told.
    fn behind(&self, child: &Running, marked: &Recognised) -> Option<(Running, Recognised)> {
        let agents = &self.policies.catalog.agents;
        if marked.strength == Strength::Strong || !marked.is_set_by_agent || agents.is_of_host(&marked.agent)
        {
            return None;
        }
        let carries = |running: &Running| agents.is_marked_alike(&running.env, marked);
        let user = procfs::user(child.process.pid);
        let may_be = |running: &Running| {
            let (pid, executable) = (running.process.pid, &running.process.executable);
            pid > 1
                && self.config.watch_below != Some(pid)
                && self.watches(pid)
                && procfs::user(pid) == user
                && !agents.is_bystander(executable)
                && !agents
                    .script(&image(running, Seen::default()))
                    .is_some_and(|script| agents.is_bystander(&script))
                && !agents.is_host(&image(running, Seen::default()))
        };
        let parent = |pid: u32| procfs::read(procfs::parent(pid)?);
        let running = setter::setter(child.process.pid, parent, carries, may_be)?;
        let by = format!("{}, set for {} {}", marked.by, child.process.pid, child.process.name());
        let approval_off = agents.approval_off(&marked.agent, &running.process.args, &running.env);
        let recognised = Recognised { by, approval_off: approval_off.map(str::to_owned), ..marked.clone() };
        Some((running, recognised))
    }
}

fn image<'a>(running: &'a Running, seen: Seen<'a>) -> Image<'a> {
    let Running { process, env } = running;
    Image { executable: &process.executable, args: &process.args, env, seen }
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
