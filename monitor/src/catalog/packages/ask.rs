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
    args: &'static [&'static str],
    /// The answer is the first URL after this text.
    after: &'static str,
}

const QUESTIONS: [Question; 3] = [
    Question { tool: "npm", args: &["config", "get", "registry"], after: "" },
    Question { tool: "yarn", args: &["config", "get", "registry"], after: "" },
    Question { tool: "pip3", args: &["install", "--help"], after: "(default" },
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
    let program = installed(question.tool)?;
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
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, answer) = text.split_once(question.after)?;
    Some((urls(answer).into_iter().next()?, question.tool.to_owned()))
}

fn installed(tool: &str) -> Option<PathBuf> {
    DIRECTORIES.iter().map(|directory| Path::new(directory).join(tool)).find(|path| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.uid() == 0 && meta.mode() & 0o022 == 0)
    })
}
