//! Does this command list its environment? `env`, `printenv`, and the forms that shells and interpreters take with `-c`.

mod ps;

use crate::facts::Process;

const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"];
/// Where only root installs programs.
const SYSTEM: &[&str] = &["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// They look for processes, and show no environment whatever they open.
///
/// Traced, with the versions of Debian 12: pgrep, pkill, pidwait, top, w, pidof, skill, pmap, pwdx (procps-ng 4.0.2), htop
/// 3.2.2, pstree and fuser (psmisc 23.6), lsof 4.95 and busybox's ps open no `environ` at all. So only those are excused that
/// might open one to compare it; where top or htop opens one, it shows it.
const SEEKERS: &[&str] = &["pgrep", "pkill", "pidwait", "pidof"];
/// Listing forms inside a shell's `-c`; each is a whole simple command or its beginning.
const SHELL_FORMS: &[&str] =
    &["env", "printenv", "export -p", "export", "declare -x", "declare -p", "typeset -x", "set"];
/// What an interpreter's one-liner names when it reads the environment as a whole.
const INTERPRETER_FORMS: &[&str] = &["process.env", "os.environ", "ENV.to_h", "ENV.each", "%ENV", "getenv()"];

/// Whether a process that was just executed lists its environment.
#[must_use]
pub fn lists_environment(process: &Process) -> bool {
    let name = process.name();
    let args = process.args.get(1..).unwrap_or_default();
    match name {
        "printenv" => true,
        "env" => !runs_a_command(args),
        _ if SHELLS.contains(&name) => script(args, "c").is_some_and(shell_lists),
        _ => ["c", "e", "p", "-eval", "-print"].iter().any(|flag| {
            script(args, flag)
                .is_some_and(|text| INTERPRETER_FORMS.iter().any(|form| names_whole(text, form)))
        }),
    }
}

/// Run by apt after every installation: it looks into the environments of interpreters for their search paths
/// (liske/needrestart:perl/lib/NeedRestart/Utils.pm), and shows none.
const NEEDRESTART: &str = "/usr/sbin/needrestart";

/// Whether a process opens the environments of all others without showing them: procps 4 does so for a plain `ps`.
///
/// Only programs of the system count, and a `ps` that is not asked to show them.
#[must_use]
pub fn lists_processes(process: &Process) -> bool {
    let runs_needrestart = process.executable == "/usr/bin/perl"
        && process.args.get(1).is_some_and(|script| script == NEEDRESTART);
    if runs_needrestart || process.executable == NEEDRESTART {
        return true;
    }
    let Some((directory, name)) = process.executable.rsplit_once('/') else { return false };
    let quiet_ps = || name == "ps" && !ps::shows_environments(process.args.get(1..).unwrap_or_default());
    SYSTEM.contains(&directory) && (SEEKERS.contains(&name) || quiet_ps())
}

/// Whether a process is a shell that runs one command for another program: `sh -c "git credential-store get"`.
#[must_use]
pub fn is_shell_command(process: &Process) -> bool {
    SHELLS.contains(&process.name()) && script(&process.args, "c").is_some()
}

/// `env A=1 -u B cmd`: everything that is neither an option nor an assignment is a command.
fn runs_a_command(args: &[String]) -> bool {
    let mut takes_value = false;
    for arg in args {
        if std::mem::take(&mut takes_value) {
            continue;
        }
        if matches!(arg.as_str(), "-u" | "--unset" | "-C" | "--chdir") {
            takes_value = true;
        } else if !arg.starts_with('-') && !arg.contains('=') {
            return true;
        }
    }
    false
}

/// The argument after `-FLAG`, also when the flag stands in a cluster such as `-lc`.
fn script<'a>(args: &'a [String], flag: &str) -> Option<&'a str> {
    let position = args.iter().position(|arg| {
        arg.strip_prefix('-').is_some_and(|letters| {
            letters == flag || (flag.len() == 1 && !letters.starts_with('-') && letters.ends_with(flag))
        })
    })?;
    args.get(position + 1).map(String::as_str)
}

fn shell_lists(script: &str) -> bool {
    script.split([';', '|', '&', '\n', '(', ')', '`']).map(str::trim).any(|command| {
        if command.starts_with("env ") {
            let words: Vec<String> = command.split_whitespace().skip(1).map(str::to_owned).collect();
            return !runs_a_command(&words);
        }
        let without_redirection = command.split(['>', '<']).next().unwrap_or_default().trim();
        SHELL_FORMS.contains(&without_redirection)
            || command.starts_with("printenv ")
            || command.contains("/proc/self/environ")
    })
}

/// `process.env` but not `process.env.PORT`; `os.environ` but not `os.environ["PORT"]` or `os.environ.get`.
fn names_whole(text: &str, form: &str) -> bool {
    text.match_indices(form).any(|(at, _)| {
        let rest = text.get(at + form.len()..).unwrap_or_default();
        let single = [".get(", "[", ".setdefault(", ".pop("];
        let property =
            rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
        !property && !single.iter().any(|access| rest.starts_with(access))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_processes_shows_no_environment_unless_it_is_asked_to() {
        let lists = |line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            lists_processes(&Process { executable: args[0].clone(), args: args.into(), ..Process::default() })
        };
        for quiet in [
            "/usr/bin/ps",
            "/usr/bin/ps aux",
            "/bin/ps -e",
            "/usr/bin/ps -eo pid,comm",
            "/usr/bin/ps -C node",
            "/usr/bin/pgrep -f x",
            "/usr/bin/perl /usr/sbin/needrestart -m a",
        ] {
            assert!(lists(quiet), "{quiet}");
        }
        for other in [
            "/usr/bin/ps e",
            "/usr/bin/ps auxe",
            "/usr/bin/ps -o environ",
            "/usr/bin/htop",
            "/tmp/ps",
            "ps",
            "/usr/bin/cat x",
            "/usr/bin/perl /tmp/needrestart",
            "/tmp/perl /usr/sbin/needrestart",
        ] {
            assert!(!lists(other), "{other}");
        }
    }

    fn lists(line: &[&str]) -> bool {
        let args: Vec<String> = line.iter().map(|arg| (*arg).to_owned()).collect();
        lists_environment(&Process {
            executable: format!("/usr/bin/{}", line[0]),
            args: args.into(),
            ..Process::default()
        })
    }

    #[test]
    fn whole_listings_are_recognised() {
        for line in [
            &["env"][..],
            &["env", "-0"],
            &["printenv"],
            &["printenv", "RAILWAY_TOKEN"],
            &["bash", "-c", "env | grep TOKEN"],
            &["bash", "-lc", "cd /tmp && export -p > out"],
            &["sh", "-c", "set"],
            &["node", "-p", "process.env"],
            &["node", "-e", "console.log(JSON.stringify(process.env))"],
            &["python3", "-c", "import os; print(dict(os.environ))"],
            &["sh", "-c", "cat /proc/self/environ"],
        ] {
            assert!(lists(line), "{line:?}");
        }
    }

    #[test]
    fn running_something_in_an_environment_is_not_listing_it() {
        for line in [
            &["env", "NODE_ENV=test", "npm", "test"][..],
            &["env", "-u", "DEBUG", "make"],
            &["bash", "-c", "env NODE_ENV=test npm test"],
            &["bash", "-c", "set -e; make"],
            &["node", "-e", "console.log(process.env.PORT)"],
            &["python3", "-c", "import os; print(os.environ['HOME'], os.environ.get('X'))"],
            &["cargo", "build"],
            &["bash", "deploy.sh"],
        ] {
            assert!(!lists(line), "{line:?}");
        }
    }
}
