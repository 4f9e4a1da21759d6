//! A measured process, in an agent session or outside of any.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};

use crate::{arena::Arena, bound, worker::Task};

/// The longest a task may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A worker; dropping it kills it and what it started.
pub struct Agent {
    child: Child,
    tasks: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Agent {
    /// Starts a worker that no session watches.
    pub fn outside(arena: &Arena) -> Result<Self> {
        Self::start(arena, Command::new(&arena.bench))
    }

    /// Starts a worker as a new session of the daemon that listens in the arena.
    pub fn inside(arena: &Arena) -> Result<Self> {
        let mut command = Command::new(&arena.interlock);
        command.arg("--socket").arg(arena.socket()).args(["run", "--"]).arg(&arena.bench);
        Self::start(arena, command)
    }

    fn start(arena: &Arena, mut command: Command) -> Result<Self> {
        let mut child = command
            .arg("worker")
            .current_dir(arena.workspace())
            .env("HOME", arena.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("a worker cannot be started")?;
        let tasks = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().context("the worker has no output")?).lines();
        let (sender, answers) = channel();
        // Ends with the worker.
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut agent = Self { child, tasks, answers };
        // Whoever has answered is in its session.
        agent.perform(&Task::Read { path: "/dev/null".into() })?;
        Ok(agent)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// # Errors
    /// The worker has ended, the task failed, or it took more than 120 s.
    pub fn perform(&mut self, task: &Task) -> Result<Vec<f64>> {
        self.begin(task)?;
        self.finish()
    }

    /// The one number that a task gives.
    ///
    /// # Errors
    /// As [`Agent::perform`].
    pub fn time(&mut self, task: &Task) -> Result<f64> {
        self.perform(task)?.first().copied().context("the worker's answer is empty")
    }

    pub fn begin(&mut self, task: &Task) -> Result<()> {
        let tasks = self.tasks.as_mut().context("the worker's input is closed")?;
        writeln!(tasks, "{}", serde_json::to_string(task)?).context("the worker has ended")
    }

    pub fn finish(&mut self) -> Result<Vec<f64>> {
        let line = self.answers.recv_timeout(LIMIT).context("the worker does not answer")?;
        let answer: Result<Vec<f64>, String> = serde_json::from_str(&line)?;
        answer.map_err(|error| anyhow!("the worker failed: {error}"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.tasks = None;
        bound::kill_group(&mut self.child);
    }
}
