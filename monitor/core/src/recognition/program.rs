//! The programs that an agent has of its own.

use std::path::{Path, PathBuf};

use super::{
    detection::{Image, Seen},
    grounds::{Grounds, is_outside},
};
use crate::{
    catalog::{Catalog, normalise, tilde},
    facts::Process,
};

/// The agent whose own program a process runs: one where programs are installed, where the agent's installer puts it in a
/// home, or beside the session's root. In the workspace, which is the agent's to write, never.
#[must_use]
pub fn own_program<'c>(
    catalog: &'c Catalog,
    executable: &str,
    args: &[String],
    grounds: Grounds<'_>,
) -> Option<&'c str> {
    let image = Image { executable, args, env: &[], seen: Seen::default() };
    let (agent, shown) = catalog.agents.own_program(&image)?;
    let program = program_of(catalog, executable, args)?;
    let is_beside = || {
        let is_below = |prefix: &Path| Path::new(&program).starts_with(prefix);
        agent == grounds.agent && grounds.prefix.is_some_and(is_below)
    };
    let is_installed = catalog.secrets.is_installed(&program, grounds.home)
        || (shown.placed && tilde(&program, grounds.home).is_some())
        || is_beside();
    (is_installed && is_outside(grounds.workspace, Path::new(&program))).then_some(agent)
}

/// The file that a process's program is: its script, where an interpreter or a shell runs one. `None` for a module, and
/// where the path is not absolute.
fn program_of(catalog: &Catalog, executable: &str, args: &[String]) -> Option<String> {
    let script = catalog.agents.script(&Image { executable, args, env: &[], seen: Seen::default() });
    let program = normalise(script.as_deref().unwrap_or(executable));
    program.starts_with('/').then_some(program)
}

/// A process's arguments from its program's own name on: a script's, where an interpreter or a shell runs one.
#[must_use]
pub fn own_args<'a>(catalog: &Catalog, executable: &str, args: &'a [String]) -> &'a [String] {
    let script = catalog.agents.script(&Image { executable, args, env: &[], seen: Seen::default() });
    let program = script.as_deref().unwrap_or(executable);
    let place = args.iter().take(8).position(|arg| arg == program).unwrap_or(0);
    args.get(place..).unwrap_or_default()
}

/// Where an agent is installed, by its session's root: the directory above `bin` or the first `node_modules`, else the
/// program's own. Never one that everybody writes to, that holds the home or the workspace, or that lies in the workspace.
#[must_use]
pub fn prefix(
    catalog: &Catalog,
    root: &Process,
    home: Option<&str>,
    workspace: Option<&Path>,
) -> Option<PathBuf> {
    const EVERYBODYS: [&str; 4] = ["/", "/tmp", "/var/tmp", "/dev/shm"];
    let program = program_of(catalog, &root.executable, &root.args)?;
    let prefix = match program.split_once("/node_modules/") {
        Some((before, _)) => Path::new(before),
        None => {
            let directory = Path::new(&program).parent()?;
            if directory.ends_with("bin") { directory.parent()? } else { directory }
        }
    };
    let holds = |path: &Path| path.starts_with(prefix);
    let is_too_wide = EVERYBODYS.iter().any(|wide| prefix == Path::new(wide))
        || home.is_some_and(|home| holds(Path::new(home)))
        || workspace.is_some_and(|workspace| holds(workspace) || prefix.starts_with(workspace));
    (!is_too_wide).then(|| prefix.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_own_program_counts_where_it_is_installed_and_never_in_the_workspace() {
        let catalog = Catalog::builtin().unwrap();
        let own = |executable: &str, line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (home, workspace) = (Some("/home/ann"), Some(Path::new("/home/ann/shop")));
            let grounds = Grounds { agent: "cline", home, workspace, prefix: Some(Path::new("/srv/x")) };
            own_program(&catalog, executable, &args, grounds)
        };
        let sdk = "node_modules/@anthropic-ai/claude-agent-sdk/cli.js";
        assert_eq!(own("/home/ann/.local/bin/claude", "claude"), Some("claude-code"));
        assert_eq!(own("/home/ann/.codex/packages/r/bin/codex", "codex"), Some("codex"));
        assert_eq!(own("/srv/x/node_modules/cline/bin/.cline", ".cline"), Some("cline"), "beside the root");
        assert_eq!(own("/usr/bin/node", &format!("node /usr/lib/{sdk}")), Some("claude-code"));
        assert_eq!(own("/usr/bin/bash", "/bin/bash /home/ann/.local/bin/claude"), Some("claude-code"));
        assert_eq!(own("/usr/bin/bash", "/bin/bash /tmp/claude"), None, "by its name alone, anywhere");
        assert_eq!(own("/tmp/claude", "claude"), None);
        assert_eq!(own("/tmp/.codex/packages/r/bin/codex", "codex"), None);
        assert_eq!(own("/srv/x/claude", "claude"), None, "beside the root of another agent");
        assert_eq!(own("/usr/bin/node", "node /tmp/pi-coding-agent/x.js"), None);
        assert_eq!(own("/home/ann/shop/claude", "claude"), None);
        assert_eq!(own("/usr/bin/node", &format!("node /home/ann/shop/{sdk}")), None, "the agent's work");
        assert_eq!(own("/usr/bin/node", &format!("node {sdk}")), None, "who knows where");
        assert_eq!(own("/usr/bin/cat", "cat"), None);
    }

    #[test]
    fn an_agent_is_installed_where_its_root_lies_and_not_everywhere() {
        let catalog = Catalog::builtin().unwrap();
        let found = |executable: &str, line: &str| {
            let args = line.split(' ').map(str::to_owned).collect();
            let root = Process { executable: executable.to_owned(), args, ..Process::default() };
            let workspace = Some(Path::new("/home/ann/shop"));
            prefix(&catalog, &root, Some("/home/ann"), workspace).map(|path| path.display().to_string())
        };
        let place = |path: &str| Some(path.to_owned());
        assert_eq!(found("/usr/bin/node", "node /home/ann/g/bin/copilot"), place("/home/ann/g"));
        assert_eq!(found("/usr/bin/node", "node /srv/a/node_modules/cline/x.js"), place("/srv/a"));
        assert_eq!(found("/opt/claude/claude", "claude"), place("/opt/claude"));
        for wide in
            ["/home/ann/bin/claude", "/tmp/bin/claude", "/tmp/claude", "/home/ann/shop/t/claude", "claude"]
        {
            assert_eq!(found(wide, "claude"), None, "{wide}");
        }
    }

    #[test]
    fn a_scripts_arguments_begin_with_its_own_name() {
        let catalog = Catalog::builtin().unwrap();
        let own = |executable: &str, line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            own_args(&catalog, executable, &args).join(" ")
        };
        assert_eq!(own("/b/codex", "/bin/bash /b/codex app-server"), "/b/codex app-server");
        assert_eq!(own("/usr/bin/node", "node --x /b/x.js serve"), "/b/x.js serve");
        assert_eq!(own("/b/codex", "codex app-server"), "codex app-server");
        assert_eq!(own("/b/codex", ""), "");
    }
}
