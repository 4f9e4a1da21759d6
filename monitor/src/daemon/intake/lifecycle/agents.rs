//! Which agent a running process is, or was started by.

use std::os::unix::fs::MetadataExt as _;

use crate::config::Config;
use interlock_core::{
    catalog::Catalog,
    recognition::detection::{Image, Recognised, Seen, Strength},
};
use interlock_host::proc::{
    procfs::{self, Running},
    setter,
    sight::Sight,
    terminal,
};

/// Whether a process is this daemon's business: with `watch_below` only what descends from that process is.
pub fn watches(config: &Config, pid: u32) -> bool {
    config.watch_below.is_none_or(|ancestor| procfs::descends_from(pid, ancestor))
}

/// The agent that a process is, or was started by. The process itself is looked at where its name alone does not tell.
pub fn recognised(catalog: &Catalog, running: &Running) -> Option<Recognised> {
    let agents = &catalog.agents;
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
pub fn is_a_persons(catalog: &Catalog, marked: &Running, recognised: &Recognised) -> bool {
    if recognised.strength == Strength::Strong {
        return false;
    }
    let pid = marked.process.pid;
    let program =
        |pid: &str| std::fs::metadata(format!("/proc/{pid}/exe")).map(|file| (file.dev(), file.ino())).ok();
    let own = program("self");
    if own.is_some() && program(&pid.to_string()) == own {
        return true;
    }
    let agents = &catalog.agents;
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
pub fn behind(
    config: &Config,
    catalog: &Catalog,
    child: &Running,
    marked: &Recognised,
) -> Option<(Running, Recognised)> {
    let agents = &catalog.agents;
    if marked.strength == Strength::Strong || !marked.is_set_by_agent || agents.is_of_host(&marked.agent) {
        return None;
    }
    let carries = |running: &Running| agents.is_marked_alike(&running.env, marked);
    let user = procfs::user(child.process.pid);
    let may_be = |running: &Running| {
        let (pid, executable) = (running.process.pid, &running.process.executable);
        pid > 1
            && config.watch_below != Some(pid)
            && watches(config, pid)
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

fn image<'a>(running: &'a Running, seen: Seen<'a>) -> Image<'a> {
    let Running { process, env } = running;
    Image { executable: &process.executable, args: &process.args, env, seen }
}
