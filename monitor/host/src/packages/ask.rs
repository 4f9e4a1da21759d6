//! What the package managers have compiled in, asked of themselves.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::process::Command;

use super::urls::urls;

/// A tool that takes longer is left out. Nobody waits for it; an interpreter's first start on a busy machine is slow.
const TOOL_TIMEOUT: Duration = Duration::from_secs(10);

/// `nobody`, for the tools when the daemon is root.
const NOBODY: u32 = 65_534;

struct Question {
    tool: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    /// The answer is the first URL after this text.
    after: &'static str,
}

const QUESTIONS: [Question; 3] = [
    Question { tool: "npm", program: "npm", args: &["config", "get", "registry"], after: "" },
    Question { tool: "yarn", program: "yarn", args: &["config", "get", "registry"], after: "" },
    Question { tool: "pip", program: "pip3", args: &["install", "--help"], after: "(default" },
];

/// Directories whose programs only root can have put there.
const DIRECTORIES: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/bin"];

/// What asking the tools that are installed gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The default registries, as host and tool.
    pub learned: Vec<(String, String)>,
    /// Tools that are there and did not say.
    pub failures: Vec<Failure>,
}

/// A tool that did not say which registry it uses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tool} did not say which registry it uses: {why}")]
pub struct Failure {
    pub tool: &'static str,
    pub why: String,
}

/// Asks the tools that are installed for their default registries.
///
/// Only programs that root owns and nobody else can write are run: with an empty environment, without a home, as
/// `nobody`, side by side and for ten seconds at most. A tool that is missing teaches nothing and is no failure.
pub async fn defaults() -> Answers {
    ask_all(&DIRECTORIES.map(Path::new), TOOL_TIMEOUT).await
}

async fn ask_all(directories: &[&Path], timeout: Duration) -> Answers {
    let asked = QUESTIONS.iter().filter_map(|question| {
        let program = installed(directories, question.program)?;
        Some(ask(question, program, timeout))
    });
    let mut answers = Answers::default();
    for answer in futures_util::future::join_all(asked).await {
        match answer {
            Ok(learned) => answers.learned.push(learned),
            Err(failure) => answers.failures.push(failure),
        }
    }
    answers
}

async fn ask(question: &Question, program: PathBuf, timeout: Duration) -> Result<(String, String), Failure> {
    let failed = |why: String| Failure { tool: question.tool, why };
    let mut command = Command::new(&program);
    command
        .args(question.args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("COLUMNS", "400")
        // Under the service's MemoryDenyWriteExecute node's compiler aborts (node 20, PR_SET_MDWE).
        .env("NODE_OPTIONS", "--jitless")
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let answered = tokio::time::timeout(timeout, command.output()).await;
    let Output { status, stdout, .. } = answered
        .map_err(|_| failed(format!("it took longer than {} s", timeout.as_secs())))?
        .map_err(|error| failed(format!("{} cannot be run: {error}", program.display())))?;
    let host = answer(&String::from_utf8_lossy(&stdout), question.after);
    let host = host.filter(|_| status.success()).ok_or_else(|| match status.success() {
        true => failed("its answer names no registry".to_owned()),
        false => failed(format!("it ended with {status}")),
    })?;
    Ok((host, question.tool.to_owned()))
}

fn answer(text: &str, after: &str) -> Option<String> {
    let (_, answer) = text.split_once(after)?;
    urls(answer).into_iter().next()
}

fn installed(directories: &[&Path], program: &str) -> Option<PathBuf> {
    directories.iter().map(|directory| directory.join(program)).find(|path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == 0 && meta.mode() & 0o022 == 0)
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn an_answer_is_the_first_url_after_its_mark() {
        let help = "--proxy https://proxy.example\n -i, --index-url <url>  Base URL of the index (default\n \
                    https://index.example/simple). See https://docs.example\n";
        assert_eq!(answer(help, "(default").as_deref(), Some("index.example"));
        assert_eq!(answer("https://registry.example/\n", "").as_deref(), Some("registry.example"));
        assert_eq!(answer("undefined\n", ""), None);
        assert_eq!(answer("https://registry.example/", "(default"), None);
    }

    #[test]
    fn only_what_root_alone_can_change_is_run() {
        let directories = DIRECTORIES.map(Path::new);
        assert_eq!(installed(&directories, "interlock-no-such-tool"), None);
        assert!(installed(&directories, "env").is_some_and(|path| path.ends_with("env")));
    }

    /// Package managers of root's in a directory that anybody can read.
    fn tools(scripts: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, script, mode) in scripts {
            let path = directory.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        directory
    }

    #[tokio::test]
    async fn each_tool_answers_for_itself_and_those_that_do_not_are_named() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root's programs are asked");
            return;
        }
        let script = "test \"$(id -u):$HOME:$*\" = '65534:/nonexistent:config get registry' && echo https://npm.example/";
        let directory = tools(&[
            ("npm", script, 0o755),
            ("yarn", "exec sleep 600", 0o755),
            ("pip3", "echo '(default https://pip.example/simple)'; exit 3", 0o755),
        ]);
        let answers = ask_all(&[directory.path()], Duration::from_secs(1)).await;
        assert_eq!(answers.learned, [("npm.example".to_owned(), "npm".to_owned())]);
        let failures: Vec<String> = answers.failures.iter().map(ToString::to_string).collect();
        assert_eq!(
            failures,
            [
                "yarn did not say which registry it uses: it took longer than 1 s",
                "pip did not say which registry it uses: it ended with exit status: 3",
            ]
        );
        let directory = tools(&[("npm", "echo undefined", 0o755), ("pip3", "echo https://x.example", 0o777)]);
        let answers = ask_all(&[directory.path()], Duration::from_secs(60)).await;
        assert_eq!(answers.learned, []);
        assert_eq!(answers.failures.len(), 1, "what anybody can write is not asked: {answers:?}");
        assert_eq!(answers.failures[0].why, "its answer names no registry");
    }
}
