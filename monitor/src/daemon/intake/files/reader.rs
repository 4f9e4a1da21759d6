//! Who reads a secret: the program, its script, its environment.

use std::path::Path;

use monitor_common::event::file;

use crate::daemon::context::Context;
use interlock_core::{
    catalog::{basename, script_place},
    facts::{Process, SecretAccess, SessionId},
    recognition::{self, KnownBy, Reader},
};
use interlock_host::proc::{aside, procfs};

pub fn secret(
    ctx: &Context,
    pid: u32,
    id: SessionId,
    path: String,
    number: u32,
    matched: u32,
    foreign: bool,
) -> Option<SecretAccess> {
    let session = ctx.decider.sessions.get(id)?;
    // The kernel knows one workspace of a session; what a daemon does for its clients is done in theirs.
    let foreign = foreign && !session.is_served(Path::new(&path));
    let entry = ctx.kernel.numbering.entry(number, &ctx.policies.catalog.secrets);
    let hint = entry.unwrap_or(u32::MAX);
    let known = match (matched, entry) {
        (file::matched::NAME, _) => KnownBy::Name { hint },
        (file::matched::INODE, Some(entry)) => KnownBy::Inode { entry },
        // Also what was tagged by a catalogue that nobody knows any more.
        _ => KnownBy::Unresolved { hint },
    };
    let process = ctx.decider.sessions.actor(id, pid);
    let ancestors = process.map(|process| ctx.decider.sessions.ancestors(id, process)).unwrap_or_default();
    let executable = process.map(|process| {
        let program = procfs::executable(pid).or_else(|| program_of_twin(process, &ancestors));
        program.unwrap_or_else(|| process.executable.clone())
    });
    let args = process
        .map(|process| with_absolute_script(pid, executable.as_deref(), &process.args))
        .unwrap_or_default();
    let (home, workspace) = (session.home.as_deref(), session.workspace.as_deref());
    let environment = args.get(1).and_then(|script| environment_of(pid, script, home, workspace));
    let reader = Reader {
        grounds: session.grounds(),
        moved: &session.moved,
        environment: environment.as_deref(),
        is_root: pid == id.root(),
        executable: executable.as_deref().filter(|_| !ctx.surveying.strangers.contain(id, pid)),
        args: &args,
        ancestors: &ancestors,
    };
    recognition::secret(&ctx.policies.catalog, reader, path, known, foreign)
}

/// The program of a process that has ended, by one that it was forked from and that runs the same: of a script only the
/// script's path is known otherwise, and not its interpreter.
fn program_of_twin(process: &Process, ancestors: &[&Process]) -> Option<String> {
    let is_twin = |other: &&&Process| other.executable == process.executable && other.args == process.args;
    ancestors.iter().take_while(is_twin).find_map(|twin| procfs::executable(twin.pid))
}

/// An interpreter's arguments with the path of its script made whole: `python3 .venv/bin/pip`, `node lint.js`.
///
/// Not in a package's own directory: that is where its install script is run, which is nobody's tool.
fn with_absolute_script(pid: u32, executable: Option<&str>, args: &[String]) -> Vec<String> {
    let mut args = args.to_vec();
    let place = script_place(basename(executable.unwrap_or_default()), &args);
    let Some(script) = place.and_then(|place| args.get_mut(place)).filter(|script| !script.starts_with('/'))
    else {
        return args;
    };
    let Some(directory) = procfs::working_directory(pid) else { return args };
    let of_a_package = directory.components().any(|part| part.as_os_str() == "node_modules");
    // A bare word may be a command: `bun install`.
    let is_file = || {
        let file = procfs::living(pid).join("cwd").join(&*script);
        aside::look(move || file.is_file()).unwrap_or_default()
    };
    if !of_a_package && (script.contains('/') || is_file()) {
        *script = directory.join(&*script).to_string_lossy().into_owned();
    }
    args
}

/// The Python environment, of whatever name, that a script of the home lies in: `bin` beside `pyvenv.cfg` (PEP 405). One in the
/// workspace is none: it is the agent's work. Whoever may write to the home can make one, as with every place there that
/// tools are installed in.
fn environment_of(pid: u32, script: &str, home: Option<&str>, workspace: Option<&Path>) -> Option<String> {
    let script = Path::new(script);
    let environment = script.parent().filter(|bin| bin.ends_with("bin"))?.parent()?;
    let is_home = home.is_some_and(|home| home.len() > 1 && environment.starts_with(home));
    if !is_home || !recognition::is_outside(workspace, environment) {
        return None;
    }
    let inside = environment.strip_prefix("/").ok()?.join("pyvenv.cfg");
    let marker = procfs::living(pid).join("root").join(inside);
    let is_file = aside::look(move || marker.symlink_metadata().is_ok_and(|meta| meta.is_file()));
    is_file.unwrap_or_default().then(|| environment.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_has_ended_ran_what_its_twin_runs() {
        let script = |pid, args: &[&str]| Process {
            pid,
            executable: "/usr/bin/http".to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            ..Process::default()
        };
        let (ended, twin, other) =
            (script(u32::MAX, &["a"]), script(std::process::id(), &["a"]), script(1, &["b"]));
        let own = procfs::executable(std::process::id());
        assert!(own.is_some() && program_of_twin(&ended, &[&twin, &other]) == own);
        assert_eq!(program_of_twin(&ended, &[&other, &twin]), None, "it executed something in between");
    }

    #[test]
    fn an_environment_of_any_name_is_known_by_its_configuration_and_not_in_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().to_str().unwrap();
        for folder in ["tools/bin", "work/env/bin", "plain/bin"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        for folder in ["tools", "work/env"] {
            fs::write(place.path().join(folder).join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
        }
        let found = |script: &str| {
            let script = place.path().join(script);
            let workspace = place.path().join("work");
            environment_of(std::process::id(), script.to_str().unwrap(), Some(home), Some(&workspace))
        };
        assert_eq!(found("tools/bin/aws"), Some(format!("{home}/tools")));
        for none in ["work/env/bin/aws", "plain/bin/aws", "tools/lib/aws", "tools/bin/x/aws"] {
            assert_eq!(found(none), None, "{none}");
        }
        let elsewhere = place.path().join("tools/bin/aws");
        assert_eq!(
            environment_of(std::process::id(), elsewhere.to_str().unwrap(), Some("/home/ann"), None),
            None
        );
    }
}
