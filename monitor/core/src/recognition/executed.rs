//! What executing a program comes to.

use std::path::Path;

use super::{
    environment,
    grounds::{Grounds, is_outside},
    program::own_program,
    secret::habit,
};
use crate::{
    catalog::{Catalog, normalise, secrets::Program},
    facts::{DelegateHow, Delegation, EnvironAccess, EnvironHow, Process, SecretAccess, Subject},
};

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
        let is_reported = |starters, process: &Process| {
            let found = executed(&catalog, process, starters, Grounds::default());
            found.iter().any(|subject| matches!(subject, Subject::Environ(_)))
        };
        let snapshot = words("/bin/sh", &["/bin/sh", "-lc", "__codex_snapshot_expand_env()\nenv -0"]);
        let older = "if [ -n \"$ENV\" ] && [ -r \"$ENV\" ]; then\n  . \"$ENV\"\nfi\necho '# Snapshot file'\nexport -p";
        let older = words("/bin/sh", &["/bin/sh", "-lc", older]);
        let env = words("/usr/bin/env", &["env", "-0"]);
        for own in [&snapshot, &older] {
            assert!(!is_reported([Some(&codex), None], own));
            assert!(is_reported([Some(&shell), Some(&codex)], own), "a command's");
            assert!(!is_reported([Some(own), Some(&codex)], &env), "the snapshot's own");
            assert!(is_reported([Some(own), Some(&shell)], &env), "a command that looks like one");
        }
        assert!(is_reported([Some(&shell), Some(&codex)], &env), "a command's");
        assert!(
            is_reported([Some(&snapshot), Some(&codex)], &words("/usr/bin/printenv", &["printenv"])),
            "not its own way"
        );
    }
}
