//! What the package managers have compiled in, asked of themselves.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use super::urls;

/// A tool that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// The default registries of the tools that are installed, as host and tool.
///
/// Only programs that root owns and nobody else can write are run: with an empty environment, without a home, as
/// `nobody`, and for two seconds at most. A tool that is missing, fails or stalls teaches nothing.
pub async fn defaults() -> Vec<(String, String)> {
    let answers = futures_util::future::join_all(QUESTIONS.iter().map(ask)).await;
    answers.into_iter().flatten().collect()
}

async fn ask(question: &Question) -> Option<(String, String)> {
    let program = installed(question.program)?;
    let mut command = Command::new(program);
    command
        .args(question.args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("COLUMNS", "400")
        .current_dir("/")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let host = answer(&String::from_utf8_lossy(&output.stdout), question.after)?;
    Some((host, question.tool.to_owned()))
}

fn answer(text: &str, after: &str) -> Option<String> {
    let (_, answer) = text.split_once(after)?;
    urls(answer).into_iter().next()
}

fn installed(program: &str) -> Option<PathBuf> {
    DIRECTORIES.iter().map(|directory| Path::new(directory).join(program)).find(|path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == 0 && meta.mode() & 0o022 == 0)
    })
}

#[cfg(test)]
mod tests {
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
        assert_eq!(installed("interlock-no-such-tool"), None);
        assert!(installed("env").is_some_and(|path| path.ends_with("env")));
    }
}
