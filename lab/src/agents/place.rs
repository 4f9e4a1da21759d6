//! Gets agents from their registries and lays them out as their users have them: npm's global packages below a version of
//! Node.js that nvm keeps, Python's in an environment of their own that uv keeps.
//!
//! Paths get into what is installed (the first lines of scripts), so it is installed where it will be: a mount of the
//! installer's own makes the cache's folder that place.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::agent::Agent;
use crate::{
    client::Registry,
    install::{Cache, Installed, tool},
    sandbox::HOME,
};

/// Below the home, as nvm has it.
const NODE: &str = ".nvm/versions/node/v24.21.0";
/// Below the home, as uv has them.
const TOOLS: &str = ".local/share/uv";
const COMMANDS: &str = ".local/bin";
/// What Python packages without a program of their own are installed into.
const LIBRARY: &str = "venv";

/// An agent that can be run.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Its folders of `PATH`, and its lists of authorities, as the run sees them.
    pub installed: Installed,
    /// `(in the cache, in the home)`
    pub mounts: Vec<(PathBuf, PathBuf)>,
    /// Lists of authorities that came with it, as the run sees them.
    pub bundles: Vec<PathBuf>,
}

/// Installs the agent, unless it is there.
///
/// # Errors
/// It cannot be had, with what the registry's tool said; it is not tried again before its `.failed` is removed.
pub fn install(cache: &Cache, agent: &Agent) -> Result<Placed> {
    let folder = cache.agent(agent.from.name(), &agent.package);
    let mounts = mounts(agent, &folder);
    let failed = PathBuf::from(format!("{}.failed", folder.display()));
    if agent.from != Registry::File && !folder.join(".done").exists() {
        if let Ok(why) = fs::read_to_string(&failed) {
            bail!("{}", why.trim());
        }
        for (folder, _) in &mounts {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        if let Err(why) = get(cache, agent, &mounts) {
            let why = format!("{why:#}");
            fs::write(&failed, &why).context("no marker")?;
            fs::remove_dir_all(&folder).context("what failed cannot be removed")?;
            bail!("{why}");
        }
        fs::write(folder.join(".done"), "").context("no marker")?;
    }
    placed(cache, agent, mounts)
}

fn mounts(agent: &Agent, folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let home = |place: &str| Path::new(HOME).join(place);
    match agent.from {
        Registry::Npm => vec![(folder.to_owned(), home(NODE))],
        Registry::Pypi => ["share", "bin", "library"]
            .into_iter()
            .zip([TOOLS, COMMANDS, LIBRARY])
            .map(|(name, place)| (folder.join(name), home(place)))
            .collect(),
        _ => Vec::new(),
    }
}

fn get(cache: &Cache, agent: &Agent, mounts: &[(PathBuf, PathBuf)]) -> Result<()> {
    let home = |place: &str| Path::new(HOME).join(place);
    match agent.from {
        Registry::Npm => {
            // Installers that fail are left out: what they fetch is often not what the agent needs to run.
            let with_scripts = ["--ignore-scripts=false", "--dangerously-allow-all-scripts"];
            let install = |scripts: &[&str]| {
                let mut npm = cache.node()?;
                npm.args([
                    "install",
                    "--global",
                    "--no-audit",
                    "--no-fund",
                    "--no-update-notifier",
                    "--loglevel=error",
                ]);
                npm.args(scripts).arg("--prefix").arg(home(NODE)).arg(&agent.package).args(&agent.with);
                tool::run(&mut in_place(&npm, mounts))
            };
            install(&with_scripts).or_else(|why| install(&["--ignore-scripts"]).map_err(|_| why))
        }
        Registry::Pypi => {
            let (uv, python) = (cache.uv()?, tool::python_for_agents()?);
            let package = format!("{}=={}", agent.name(), agent.version());
            let mut install = Command::new(&uv);
            install.env("UV_TOOL_DIR", home(TOOLS).join("tools")).env("UV_TOOL_BIN_DIR", home(COMMANDS));
            install
                .args(["tool", "install", "--quiet", "--compile-bytecode", "--python"])
                .arg(&python)
                .arg(&package);
            install.args(agent.with.iter().flat_map(|with| ["--with", with]));
            let Err(why) = tool::run(&mut in_place(&install, mounts)) else { return Ok(()) };
            // A library: it has no program for a person's `PATH`.
            if !format!("{why:#}").contains("Failed to install entrypoints") {
                return Err(why);
            }
            let mut venv = Command::new(&uv);
            venv.args(["venv", "--quiet", "--clear", "--python"]).arg(&python).arg(home(LIBRARY));
            tool::run(&mut in_place(&venv, mounts))?;
            let mut install = Command::new(&uv);
            install.args(["pip", "install", "--quiet", "--compile-bytecode", "--python"]);
            install.arg(home(LIBRARY).join("bin/python")).arg(&package).args(&agent.with);
            tool::run(&mut in_place(&install, mounts))
        }
        _ => Ok(()),
    }
}

/// The command, in mounts of its own in which each folder is where the agent will see it.
fn in_place(command: &Command, mounts: &[(PathBuf, PathBuf)]) -> Command {
    let mut script = "mount -t tmpfs tmpfs /home".to_owned();
    for n in 0..mounts.len() {
        let (from, to) = (n * 2 + 1, n * 2 + 2);
        script.push_str(&format!(" && mkdir -p \"${to}\" && mount --bind \"${from}\" \"${to}\""));
    }
    script.push_str(&format!(" && shift {} && exec \"$@\"", mounts.len() * 2));
    let mut placed = Command::new("unshare");
    placed.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
    for (from, to) in mounts {
        placed.arg(from).arg(to);
    }
    placed.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            placed.env(name, value);
        }
    }
    placed
}

fn placed(cache: &Cache, agent: &Agent, mounts: Vec<(PathBuf, PathBuf)>) -> Result<Placed> {
    let home = |place: &str| Path::new(HOME).join(place);
    let mut placed = Placed::default();
    let seen = |path: PathBuf| {
        let inside = mounts.iter().find_map(|(from, to)| Some(to.join(path.strip_prefix(from).ok()?)));
        inside.unwrap_or(path)
    };
    match agent.from {
        Registry::Npm => {
            let (folder, _) = mounts.first().context("npm's packages have no place")?;
            let node = folder.join("bin/node");
            if !node.exists() {
                fs::create_dir_all(folder.join("bin")).context("no folder for Node.js")?;
                fs::hard_link(cache.node_program(), &node)
                    .context("Node.js cannot be put beside its packages")?;
            }
            placed.installed.path = vec![home(NODE).join("bin")];
        }
        Registry::Pypi => {
            let python = tool::python_for_agents()?;
            let base = python.ancestors().nth(2).context("Python is nowhere")?.to_owned();
            let libraries = mounts.iter().map(|(from, _)| from.clone()).collect();
            placed.installed = Installed {
                path: vec![home(COMMANDS), home(LIBRARY).join("bin")],
                keep: vec![base],
                libraries,
                ..Installed::default()
            };
            placed.bundles = placed.installed.bundles().into_iter().map(seen).collect();
        }
        _ => {
            let script = Path::new(&agent.package);
            let folder = script.parent().context("the script is nowhere")?.to_owned();
            placed.installed.path = vec![folder.clone()];
            placed.installed.keep = vec![folder];
        }
    }
    placed.mounts = mounts;
    Ok(placed)
}
