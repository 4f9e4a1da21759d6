//! Running other programs.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};

/// How a program ended and what it printed, both streams in the order they came.
pub struct Ended {
    pub status: ExitStatus,
    pub output: String,
}

/// Whether a program's output is shown while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Echo {
    /// Those lines that it is true for.
    Only(fn(&str) -> bool),
    Silent,
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or its output cannot be read.
pub fn capture(command: &mut Command, echo: Echo) -> Result<Ended> {
    let (reader, writer) = io::pipe().context("no pipe for a program's output")?;
    let duplicate = writer.try_clone().context("no pipe for a program's output")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(duplicate);
    let spawned = command.spawn();
    // The command holds the pipe's writing ends; the read below ends only when all of them are closed.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawned.with_context(|| format!("{} cannot be started", words(command)))?;

    let mut output = String::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.with_context(|| format!("the output of {} cannot be read", words(command)))?;
        let line = String::from_utf8_lossy(&line);
        let shown = match echo {
            Echo::Only(wanted) => wanted(&line),
            Echo::Silent => false,
        };
        if shown {
            writeln!(io::stderr(), "{line}").context("standard error is closed")?;
        }
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().with_context(|| format!("{} was lost", words(command)))?;
    Ok(Ended { status, output })
}

/// What a program prints when it ends well, without the last line break.
///
/// # Errors
/// It cannot be started or fails; its output is part of the error.
pub fn answer(command: &mut Command) -> Result<String> {
    let ended = capture(command, Echo::Silent)?;
    if !ended.status.success() {
        bail!("{} failed ({}):\n{}", words(command), ended.status, ended.output.trim_end());
    }
    Ok(ended.output.trim_end().to_owned())
}

/// Runs a program in the foreground, on our own streams.
///
/// # Errors
/// It cannot be started or fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} cannot be started", words(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", words(command));
    }
    Ok(())
}

/// The file that a program's name stands for, `None` where `PATH` has none.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // The owner of /proc/self is our effective user.
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_kept_in_order() {
        let ended =
            capture(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"]), Echo::Silent).unwrap();
        assert_eq!(ended.output, "one\ntwo\n");
        assert_eq!(ended.status.code(), Some(3));
    }

    #[test]
    fn a_failure_says_what_ran_and_what_it_printed() {
        let error = answer(Command::new("sh").args(["-c", "echo why; exit 1"])).unwrap_err().to_string();
        assert!(error.contains("`sh -c") && error.contains("why"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = answer(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert!(error.contains("`no-such-program` cannot be started"), "{error}");
        assert_eq!(find("no-such-program"), None);
    }
}
