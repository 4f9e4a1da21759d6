//! Naming a program so narrowly that the name means one thing.

use crate::facts::Process;

/// A program as an exception names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub executable: String,
    /// The arguments joined by spaces; `None`: the executable alone says what is done.
    pub argv: Option<String>,
}

/// How much of a program's call is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The arguments where the program does whatever they say.
    ByPurpose,
    /// Always the arguments: that the program runs is what is excused, and it would be with any others.
    ByArguments,
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
    /// Names the program of `process`.
    ///
    /// # Errors
    /// Why no name would be narrow enough.
    pub fn of(process: &Process, naming: Naming) -> Result<Self, String> {
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
        let by_purpose = naming == Naming::ByPurpose && !interpreter && !is_one_of(&GENERAL, name);
        if by_purpose {
            return Ok(Self { executable, argv: None });
        }
        if process.args_unknown {
            return Err(format!(
                "not all arguments of {name} were known when it was judged: an exception for others would be wider than \
                 what was seen"
            ));
        }
        if interpreter {
            check_script(name, &process.args)?;
        }
        let argv = process.args.join(" ");
        if argv.contains(LEFT_OUT) {
            return Err(format!("{name} was given what looks like a credential, which no rule should name"));
        }
        if argv.is_empty() || argv.len() > ARGV_MAX {
            return Err(format!("{name} is named by its arguments, and they have {} bytes", argv.len()));
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
        let process = Process { executable: executable.into(), args, ..Process::default() };
        Program::of(&process, Naming::ByPurpose)
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
    }

    #[test]
    fn an_exec_is_named_by_its_arguments_whatever_the_program_and_not_without_them() {
        let exec = |executable: &str, args: &[&str], args_unknown| {
            let args = args.iter().map(|arg| (*arg).to_owned()).collect();
            let process = Process { executable: executable.into(), args, args_unknown, ..Process::default() };
            Program::of(&process, Naming::ByArguments).map(|program| program.argv)
        };
        let plan = &["terraform", "plan"][..];
        assert_eq!(exec("/usr/bin/terraform", plan, false), Ok(Some("terraform plan".to_owned())));
        for (executable, args) in [
            ("/usr/bin/terraform", plan),
            ("/usr/bin/curl", &["/usr/bin/curl"]),
            ("/usr/bin/python3", &["/usr/bin/python3"]),
        ] {
            let said = exec(executable, args, true).unwrap_err();
            assert!(said.starts_with("not all arguments of ") && said.contains("wider"), "{said}");
        }
        let unknown =
            Process { executable: "/usr/bin/terraform".into(), args_unknown: true, ..Process::default() };
        assert!(Program::of(&unknown, Naming::ByPurpose).is_ok(), "what it read is known by its path alone");
        let secret = exec("/usr/bin/psql", &["psql", "password=…"], false).unwrap_err();
        assert!(secret.contains("looks like a credential"), "{secret}");
    }
}
