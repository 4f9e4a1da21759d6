//! Naming a program so narrowly that the name means one thing.

use crate::facts::Process;

/// A program as an exception names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub executable: String,
    /// The arguments joined by spaces; `None`: the executable alone says what is done.
    pub argv: Option<String>,
}

/// Where only root installs programs.
const INSTALLED: [&str; 8] =
    ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/nix/store/", "/snap/"];

/// Run what a script says. Names with a version count as well: `python3.12`.
const INTERPRETERS: [&str; 22] = [
    "sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "python", "pypy", "perl", "ruby", "node", "nodejs",
    "deno", "bun", "php", "lua", "java", "tclsh", "pwsh", "Rscript", "guile",
];

/// Run other programs, or what files of the workspace say: no arguments of theirs say what happens.
const RUNNERS: [&str; 40] = [
    "env",
    "sudo",
    "doas",
    "su",
    "runuser",
    "setpriv",
    "xargs",
    "timeout",
    "nice",
    "nohup",
    "setsid",
    "watch",
    "strace",
    "gdb",
    "lldb",
    "busybox",
    "toybox",
    "make",
    "gmake",
    "just",
    "ninja",
    "cargo",
    "go",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pip",
    "uv",
    "docker",
    "podman",
    "tmux",
    "screen",
    "vi",
    "vim",
    "nvim",
    "emacs",
    "nano",
    "ld-linux.so",
    "ld-linux-x86-64.so",
];

/// Do to any file or host what their arguments say.
const GENERAL: [&str; 44] = [
    "curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "ssh", "scp", "sftp", "rsync",
    "openssl", "http", "https", "cat", "tac", "head", "tail", "less", "more", "cp", "mv", "ln", "dd", "tee",
    "grep", "egrep", "fgrep", "rg", "ag", "find", "fd", "fdfind", "awk", "gawk", "mawk", "sed", "jq",
    "base64", "xxd", "tar", "zip", "git",
];

/// Longest arguments that are named, bytes: what is cut off in a record is no name.
const ARGV_MAX: usize = 1024;

/// Stands in records for what looked like a credential.
const LEFT_OUT: char = '…';

impl Program {
    /// Names the program of `process`. `args_known` is false where its arguments are those of another program: an exec that
    /// was held is seen before it has any.
    ///
    /// # Errors
    /// Why no name would be narrow enough.
    pub fn of(process: &Process, args_known: bool) -> Result<Self, String> {
        let executable = process.executable.clone();
        if !is_installed(&executable) {
            return Err(format!(
                "{executable:?} lies where the agent can write: whatever it put there would be excused"
            ));
        }
        let name = process.name();
        if is_one_of(&RUNNERS, name) {
            return Err(format!("{name} runs whatever it is given: its name says nothing"));
        }
        let interpreter = is_one_of(&INTERPRETERS, name);
        if interpreter {
            check_script(name, &process.args)?;
        }
        if !interpreter && !is_one_of(&GENERAL, name) {
            return Ok(Self { executable, argv: None });
        }
        if !args_known {
            return Err(format!(
                "{name} does what its arguments say, and they were not known when it was held"
            ));
        }
        let argv = process.args.join(" ");
        if argv.contains(LEFT_OUT) {
            return Err(format!("{name} was given what looks like a credential, which no rule should name"));
        }
        if argv.is_empty() || argv.len() > ARGV_MAX {
            return Err(format!("{name} does what its arguments say, and they have {} bytes", argv.len()));
        }
        Ok(Self { executable, argv: Some(argv) })
    }
}

/// What an interpreter was told to run must be a file that the agent cannot change.
fn check_script(name: &str, args: &[String]) -> Result<(), String> {
    match args.get(1) {
        None => Err(format!("{name} was given no script: it runs whatever it reads")),
        Some(option) if option.starts_with('-') => {
            Err(format!("{name} {option} runs code that no file names; give the script a path of its own"))
        }
        Some(script) if is_installed(script) => Ok(()),
        Some(script) => Err(format!(
            "{name} runs {script:?}, which the agent can write: install it below /usr/local or /opt"
        )),
    }
}

/// An absolute path without detours, in a directory of root's.
fn is_installed(path: &str) -> bool {
    let plain = !path.split('/').any(|part| part == ".." || part == ".");
    plain && INSTALLED.iter().any(|directory| path.starts_with(directory))
}

/// With or without a version: `python3.12`, `gcc-14`.
fn is_one_of(names: &[&str], name: &str) -> bool {
    let bare = name.trim_end_matches(|end: char| end.is_ascii_digit() || matches!(end, '.' | '-'));
    names.contains(&name) || names.contains(&bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(executable: &str, args: &[&str]) -> Result<Program, String> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Program::of(&Process { executable: executable.into(), args, ..Process::default() }, true)
    }

    #[test]
    fn a_program_with_a_purpose_is_named_by_its_path_alone() {
        let program = named("/usr/local/bin/terraform", &["terraform", "plan"]).unwrap();
        assert_eq!(program, Program { executable: "/usr/local/bin/terraform".into(), argv: None });
    }

    #[test]
    fn a_general_tool_and_a_script_are_named_with_their_arguments() {
        let argv = |executable, args: &[&str]| named(executable, args).unwrap().argv.unwrap();
        assert_eq!(argv("/usr/bin/curl", &["curl", "-s", "https://x.example"]), "curl -s https://x.example");
        assert_eq!(
            argv("/usr/bin/python3.12", &["python3", "/opt/t/run.py", "-v"]),
            "python3 /opt/t/run.py -v"
        );
    }

    #[test]
    fn what_the_agent_can_choose_is_no_name() {
        for (executable, args, why) in [
            ("/home/ann/.local/bin/tool", &["tool"][..], "the agent can write"),
            ("./tool", &["tool"], "the agent can write"),
            ("/usr/../tmp/tool", &["tool"], "the agent can write"),
            ("/tmp/terraform", &["terraform"], "the agent can write"),
            ("/usr/bin/bash", &["bash"], "no script"),
            ("/bin/sh", &["sh", "-c", "curl x"], "runs code that no file names"),
            ("/usr/bin/python3", &["python3", "-m", "awscli"], "runs code that no file names"),
            ("/usr/bin/node", &["node", "server.js"], "the agent can write"),
            ("/usr/bin/python3", &["python3", "/home/ann/work/x.py"], "the agent can write"),
            ("/usr/bin/sudo", &["sudo", "cat", "/etc/x"], "whatever it is given"),
            ("/usr/bin/make", &["make"], "whatever it is given"),
            ("/usr/bin/curl", &["curl", "-u", "…"], "looks like a credential"),
            ("/usr/bin/cat", &[], "they have 0 bytes"),
        ] {
            let said = named(executable, args).unwrap_err();
            assert!(said.contains(why), "{executable} {args:?}: {said}");
        }
        let long = "x".repeat(2000);
        assert!(named("/usr/bin/cat", &["cat", &long]).unwrap_err().contains("bytes"));
        let held =
            Process { executable: "/usr/bin/curl".into(), args: vec!["bash".into()], ..Process::default() };
        assert!(Program::of(&held, false).unwrap_err().contains("not known when it was held"));
    }
}
