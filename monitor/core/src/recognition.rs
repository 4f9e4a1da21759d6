//! Recognition: from what was seen — a path, an endpoint, a program — to what rules speak about.
//!
//! Pure: the daemon hands in what the kernel reported, `interlock rules test` what a case says, and both get the same
//! subject for the same thing.

pub mod detection;
pub mod environment;
mod place;

use std::path::{Path, PathBuf};

use self::detection::{Image, Seen};
pub use self::place::{DANGEROUS, danger_of, destination};
use crate::{
    catalog::{
        Catalog,
        agents::UNKNOWN,
        normalise,
        secrets::{Moved, Program, UNRESOLVED},
        tilde,
    },
    facts::{
        DelegateHow, Delegation, EnvironAccess, EnvironHow, Grade, Habit, Process, SecretAccess, Subject,
    },
};

/// How a file is known to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its name looked like one; the path decides. With the kernel's guess at the entry.
    Name { hint: u32 },
    /// The inode is that of the entry, whatever the path says.
    Inode { entry: u32 },
    /// Too long to be looked at: counts as a secret, and says so.
    Unresolved { hint: u32 },
}

/// Who opened a file.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub grounds: Grounds<'a>,
    /// Where the session's variables moved stores.
    pub moved: &'a Moved,
    /// The session's root process: the agent itself.
    pub is_root: bool,
    /// The directory of the interpreter's environment that its script lies in, where that is one, outside of the workspace.
    pub environment: Option<&'a str>,
    /// Path of the program with links resolved; `None` where the process is not known.
    pub executable: Option<&'a str>,
    /// From the program's name on.
    pub args: &'a [String],
    /// Who started the program, the nearest first, as far as they are known.
    pub ancestors: &'a [&'a Process],
}

/// The secret that a file is; `None` where its name only looked like one. `outside`: not in the session's workspace.
#[must_use]
pub fn secret(
    catalog: &Catalog,
    reader: Reader<'_>,
    path: String,
    known: KnownBy,
    outside: bool,
) -> Option<SecretAccess> {
    let secrets = &catalog.secrets;
    let (number, (entry, class, grade)) = match known {
        KnownBy::Unresolved { hint } => (hint, (UNRESOLVED, UNKNOWN, Grade::B)),
        KnownBy::Inode { entry } => {
            let judged = secrets.tagged(entry)?;
            (entry, (judged.id, judged.class, judged.grade))
        }
        KnownBy::Name { hint } => {
            let usual = secrets.judge(&path, reader.grounds.home, hint);
            let judged = usual.or_else(|| secrets.judge_moved(&path, reader.moved))?;
            (judged.entry, (judged.id, judged.class, judged.grade))
        }
    };
    let (entry, class) = (entry.to_owned(), class.to_owned());
    let owner = reader.reads_its_own(catalog, number, &path);
    let outside = outside && !secrets.is_of_the_job(&path, reader.grounds.workspace);
    let loaded = matches!(known, KnownBy::Name { .. }) && reader.loads_for_a_person(catalog, number, &path);
    let program = reader.program().filter(|_| !owner);
    let habit = program.and_then(|program| habit(catalog, number, program, &path));
    Some(SecretAccess {
        path,
        entry,
        class,
        grade,
        foreign: outside && !owner && !loaded,
        owner,
        copy: false,
        habit,
    })
}

/// What a program's read of the store at `path` counts for where it is a habit of its library.
fn habit(catalog: &Catalog, entry: u32, program: Program<'_>, path: &str) -> Option<Habit> {
    let found = catalog.secrets.habitual(entry, program, path)?;
    Some(Habit { providers: catalog.destinations.meant_by(found.is_for), elsewhere: found.elsewhere })
}

/// Whether a path lies outside of a session's workspace; without a workspace everything does.
#[must_use]
pub fn is_outside(workspace: Option<&Path>, path: &Path) -> bool {
    workspace.is_none_or(|workspace| !path.starts_with(workspace))
}

impl<'a> Reader<'a> {
    fn program(&self) -> Option<Program<'a>> {
        let Self { args, grounds: Grounds { home, workspace, .. }, .. } = *self;
        self.executable.map(|executable| Program { executable, args, home, workspace })
    }

    /// The reader is one of the store's owner tools, or the agent itself reads its own store.
    fn reads_its_own(&self, catalog: &Catalog, entry: u32, path: &str) -> bool {
        if self.is_root && catalog.agents.reads_for_itself(self.grounds.agent, path, self.grounds.home) {
            return true;
        }
        let of_agent = |agent| catalog.agents.reads_for_itself(agent, path, self.grounds.home);
        if self.agent_of_program(catalog).is_some_and(of_agent) {
            return true;
        }
        let is_owner = |executable| {
            let Self { args, grounds, environment, .. } = *self;
            catalog.secrets.is_owner_beside(entry, executable, args, grounds.home, environment)
        };
        self.executable.is_some_and(is_owner)
            && !catalog.secrets.is_handed(entry, path, self.args, self.grounds.home)
    }

    /// The reader is a tool that loads settings for what it starts, and finds them on its way up from the workspace to the
    /// home: a person has set it up so.
    fn loads_for_a_person(&self, catalog: &Catalog, entry: u32, path: &str) -> bool {
        let on_the_way = Path::new(path).parent().zip(self.grounds.workspace).zip(self.grounds.home);
        let on_the_way = on_the_way.is_some_and(|((directory, workspace), home)| {
            let home = Path::new(home);
            workspace.starts_with(directory) && directory.starts_with(home) && directory != home
        });
        let loads = |executable| {
            catalog.secrets.loads(entry, path, (executable, self.args), self.ancestors, self.grounds.home)
        };
        on_the_way && self.executable.is_some_and(loads)
    }
}

impl Reader<'_> {
    /// The agent whose program reads: what it relaunched, its native half, its daemon; an agent that another one started.
    fn agent_of_program<'c>(&self, catalog: &'c Catalog) -> Option<&'c str> {
        own_program(catalog, self.executable?, self.args, self.grounds)
    }
}

/// Where a session's programs lie.
#[derive(Clone, Copy, Debug, Default)]
pub struct Grounds<'a> {
    /// Catalogue id of the session's agent.
    pub agent: &'a str,
    /// The session's home.
    pub home: Option<&'a str>,
    /// The session's workspace: nothing in it is an agent's own program, nor an owner tool's environment.
    pub workspace: Option<&'a Path>,
    /// Where the session's own agent is installed, by its root's program: see [`prefix`].
    pub prefix: Option<&'a Path>,
}

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

/// What a process does by executing a program: the execution itself, and what the command stands for. `starters` are who
/// started it and who started that one, as far as that is known.
#[must_use]
pub fn executed(
    catalog: &Catalog,
    process: &Process,
    starters: [Option<&Process>; 2],
    grounds: Grounds<'_>,
) -> Vec<Subject> {
    let Grounds { home, workspace, .. } = grounds;
    let parent = asker(starters);
    let mut subjects = vec![Subject::Exec];
    subjects.extend(mounted(catalog, process, home, workspace).map(Subject::Open));
    if let Some(service) = catalog.delegate_command(&process.executable, &process.args) {
        subjects.push(Subject::Delegate(Delegation {
            service: service.to_owned(),
            how: DelegateHow::Command,
            path: process.executable.clone(),
        }));
    }
    if environment::lists_environment(process) && !is_agents_own(catalog, process, starters, grounds) {
        let access = EnvironAccess { target: process.pid, own: true, how: EnvironHow::Exec };
        subjects.push(Subject::Environ(access));
    }
    subjects.extend(printed(catalog, process, parent, home, workspace).map(Subject::Open));
    subjects
}

/// Who asked for a command: Git runs its helpers by a shell.
fn asker([parent, behind]: [Option<&Process>; 2]) -> Option<&Process> {
    let is_shell = parent.is_some_and(environment::is_shell_command);
    behind.filter(|_| is_shell).or(parent)
}

/// The agent's program runs the command for itself, before it runs any for its model: its snapshot of the shell, and what
/// that shell runs.
fn is_agents_own(
    catalog: &Catalog,
    process: &Process,
    [parent, behind]: [Option<&Process>; 2],
    grounds: Grounds<'_>,
) -> bool {
    let runs = |agent: Option<&Process>, commands: &[&Process]| {
        let agent = agent.and_then(|agent| own_program(catalog, &agent.executable, &agent.args, grounds));
        let is_own =
            |agent| commands.iter().all(|command| catalog.agents.runs_for_itself(agent, &command.args));
        agent.is_some_and(is_own)
    };
    let shell = parent.filter(|parent| environment::is_shell_command(parent));
    runs(parent, &[process]) || shell.is_some_and(|shell| runs(behind, &[shell, process]))
}

/// The gravest store of each mount that a command gives to a container: nobody of the tree opens it, and what runs there
/// can.
fn mounted(
    catalog: &Catalog,
    process: &Process,
    home: Option<&str>,
    workspace: Option<&Path>,
) -> impl Iterator<Item = SecretAccess> {
    // `WORKSPACE/../.aws` only looks as if it were inside.
    let sources = catalog.mounted(&process.executable, &process.args).into_iter().map(normalise);
    let outside = sources.filter(move |source| is_outside(workspace, Path::new(source)));
    outside.filter_map(move |source| {
        let store = catalog.secrets.within(&source, home)?;
        Some(SecretAccess {
            path: format!("mount of {source}"),
            entry: store.id.to_owned(),
            class: store.class.to_owned(),
            grade: store.grade,
            foreign: true,
            owner: false,
            copy: false,
            habit: None,
        })
    })
}

/// The store that a command prints: whoever started it has read the store then, although its owner tool opened it.
///
/// Nobody has where a tool asked for itself: git its helper, kubectl the cloud's command. A library that asks a helper where
/// it would else have looked into the file does so by the same habit.
fn printed(
    catalog: &Catalog,
    process: &Process,
    parent: Option<&Process>,
    home: Option<&str>,
    workspace: Option<&Path>,
) -> Option<SecretAccess> {
    let store = catalog.credential_command(&process.executable, &process.args)?;
    let asks_for_itself =
        |parent: &Process| catalog.secrets.uses(store.entry, &parent.executable, &parent.args, home);
    if parent.is_some_and(asks_for_itself) {
        return None;
    }
    // One program's output is one thing, however often it is asked; its arguments may hold a secret themselves.
    let path = format!("output of {}", process.name());
    let program =
        parent.map(|Process { executable, args, .. }| Program { executable, args, home, workspace });
    Some(SecretAccess {
        habit: program.and_then(|program| habit(catalog, store.entry, program, &path)),
        path,
        entry: store.id.to_owned(),
        class: store.class.to_owned(),
        grade: store.grade,
        foreign: !catalog.secrets.is_of_projects(store.entry),
        owner: false,
        copy: false,
    })
}

/// Work handed over by a file that is run later; `None` where nobody runs what lies at `path`.
#[must_use]
pub fn written_file(catalog: &Catalog, path: String, home: Option<&str>) -> Option<Delegation> {
    let service = catalog.delegate_file(&path, home)?.to_owned();
    Some(Delegation { service, how: DelegateHow::File, path })
}

/// Work handed over through a Unix socket; `None` where nobody at `path` starts processes for others.
#[must_use]
pub fn asked_service(catalog: &Catalog, path: String) -> Option<Delegation> {
    let service = catalog.delegate_socket(&path)?.to_owned();
    Some(Delegation { service, how: DelegateHow::Socket, path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::BootNanos;

    #[test]
    fn each_mount_counts_by_the_store_that_it_leads_to() {
        let catalog = Catalog::builtin().unwrap();
        let found = |line: &str| -> Vec<String> {
            let process = Process {
                pid: 7,
                parent: 1,
                start: BootNanos(0),
                executable: "/usr/bin/docker".into(),
                args: line.split(' ').map(str::to_owned).collect(),
                args_unknown: false,
            };
            let workspace = Some(Path::new("/home/ann/work"));
            mounted(&catalog, &process, Some("/home/ann"), workspace).map(|store| store.path).collect()
        };
        assert_eq!(
            found("docker run -v /home/ann/.aws:/a -v /home/ann/work:/w -v /home/ann/.kube:/k img"),
            ["mount of /home/ann/.aws", "mount of /home/ann/.kube"]
        );
        assert_eq!(found("docker run -v /home/ann/work/../.aws:/x img"), ["mount of /home/ann/.aws"]);
        let own = "docker run -v /home/ann/shop/../work/.env:/x -v /home/ann/shop:/y img";
        assert_eq!(found(own), [""; 0]);
    }

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

    #[test]
    fn an_agents_snapshot_lists_its_environment_for_itself() {
        let catalog = Catalog::builtin().unwrap();
        let process = |executable: &str, line: &str| Process {
            executable: executable.to_owned(),
            args: line.split(' ').map(str::to_owned).collect(),
            ..Process::default()
        };
        let claude = process("/usr/bin/claude", "claude -p");
        let shell = process("/bin/bash", "bash -c source");
        let lists = |starters, line: &str| {
            let found = executed(&catalog, &process("/usr/bin/bash", line), starters, Grounds::default());
            found.iter().any(|subject| matches!(subject, Subject::Environ(_)))
        };
        assert!(!lists([Some(&claude), None], "bash -c env"));
        assert!(lists([Some(&shell), Some(&claude)], "bash -c env"), "a command's");
        assert!(lists([None, None], "bash -c env"));
        assert!(lists([Some(&claude), None], "bash -c printenv"), "not its own way");
        let codex = process("/usr/bin/codex", "codex exec");
        let words = |executable: &str, args: &[&str]| Process {
            executable: executable.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..Process::default()
        };
        let told = |starters, process: &Process| {
            let found = executed(&catalog, process, starters, Grounds::default());
            found.iter().any(|subject| matches!(subject, Subject::Environ(_)))
        };
        let snapshot = words("/bin/sh", &["/bin/sh", "-lc", "__codex_snapshot_expand_env()\nenv -0"]);
        let older = "if [ -n \"$ENV\" ] && [ -r \"$ENV\" ]; then\n  . \"$ENV\"\nfi\necho '# Snapshot file'\nexport -p";
        let older = words("/bin/sh", &["/bin/sh", "-lc", older]);
        let env = words("/usr/bin/env", &["env", "-0"]);
        for own in [&snapshot, &older] {
            assert!(!told([Some(&codex), None], own));
            assert!(told([Some(&shell), Some(&codex)], own), "a command's");
            assert!(!told([Some(own), Some(&codex)], &env), "the snapshot's own");
            assert!(told([Some(own), Some(&shell)], &env), "a command that looks like one");
        }
        assert!(told([Some(&shell), Some(&codex)], &env), "a command's");
        assert!(
            told([Some(&snapshot), Some(&codex)], &words("/usr/bin/printenv", &["printenv"])),
            "not its own way"
        );
    }
}
