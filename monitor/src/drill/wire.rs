//! The sandbox as a process: orders on its standard input, one JSON line on its standard output for each.
//!
//! A closed input is the order to stop. So the sandbox and its agent never outlive the drill, however that ended.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{
    processes,
    sandbox::{Plan, Report, Sandbox},
};

/// For the sandbox to end its agent and itself.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Report(Report),
    Failed(String),
}

/// Plays the sandbox in this process, until the input ends. A failure is sent to the other side, and is the exit code.
///
/// # Errors
/// What could not be sent: nobody listens any more, or something that the sandbox started does not end.
pub fn play(plan: &Plan, orders: impl BufRead, mut replies: impl Write) -> Result<ExitCode> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("the sandbox cannot adopt the agent's orphans")?;
    let performed = match perform(plan, orders, &mut replies) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(why) => match send(&mut replies, &Reply::Failed(format!("{why:#}"))) {
            Ok(()) => Ok(ExitCode::FAILURE),
            Err(_) => Err(why),
        },
    };
    processes::end_all_children().and(performed)
}

fn perform(plan: &Plan, orders: impl BufRead, replies: &mut impl Write) -> Result<()> {
    let mut sandbox = Sandbox::raise(plan)?;
    send(replies, &Reply::Report(sandbox.report()?))?;
    for order in orders.lines() {
        match order.context("the orders cannot be read")?.as_str() {
            "start" => sandbox.start_agent()?,
            "report" => {}
            other => bail!("`{other}` is no order; known are `start` and `report`"),
        }
        let mut report = sandbox.report()?;
        if let Some(agent) = report.agent.as_mut().filter(|agent| agent.ended) {
            // What it left behind in the background is still the agent.
            agent.ended = processes::none_is_left()?;
        }
        send(replies, &Reply::Report(report))?;
    }
    Ok(())
}

fn send(replies: &mut impl Write, reply: &Reply) -> Result<()> {
    writeln!(replies, "{}", serde_json::to_string(reply)?)?;
    replies.flush().context("nobody listens to the sandbox")
}

/// The sandbox, seen from the drill. Dropping it ends the sandbox and the whole tree of the agent.
pub struct Remote {
    child: Child,
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts `program drill-sandbox …` and waits until the sandbox stands.
    ///
    /// # Errors
    /// It cannot be started, or what it says is missing.
    pub fn start(program: &OsString, plan: &Plan) -> Result<Self> {
        let mut child = Command::new(program)
            .arg("drill-sandbox")
            .args(arguments(plan))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("the drill's sandbox cannot be started")?;
        let (orders, replies) =
            (child.stdin.take(), child.stdout.take().context("the sandbox has no output")?);
        let mut remote = Self { child, orders, replies: BufReader::new(replies) };
        remote.listen()?;
        Ok(remote)
    }

    /// # Errors
    /// The sandbox could not do it, or has ended.
    pub fn start_agent(&mut self) -> Result<Report> {
        self.order("start")
    }

    /// # Errors
    /// The sandbox has ended.
    pub fn report(&mut self) -> Result<Report> {
        self.order("report")
    }

    fn order(&mut self, order: &str) -> Result<Report> {
        let orders = self.orders.as_mut().context("the sandbox has been told to end")?;
        writeln!(orders, "{order}")
            .with_context(|| format!("the sandbox does not take the order `{order}`"))?;
        self.listen()
    }

    fn listen(&mut self) -> Result<Report> {
        let mut line = String::new();
        if self.replies.read_line(&mut line).context("the sandbox cannot be heard")? == 0 {
            bail!("the sandbox ended without a word; its standard error says why");
        }
        match serde_json::from_str(&line)
            .with_context(|| format!("the sandbox says something unknown: {line}"))?
        {
            Reply::Report(report) => Ok(report),
            Reply::Failed(why) => bail!("the sandbox: {why}"),
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It has nothing left to say; what it could not end is named on its standard error.
        let _ = processes::wait_or_kill(&mut self.child, GRACE);
    }
}

/// A plan as arguments of `drill-sandbox`.
fn arguments(plan: &Plan) -> Vec<OsString> {
    let mut arguments = vec!["--dir".into(), plan.directory.clone().into_os_string()];
    if plan.sweep {
        arguments.push("--sweep".into());
    }
    if let Some(script) = &plan.script {
        arguments.extend(["--agent-script".into(), script.clone().into_os_string()]);
    }
    arguments
}

/// The plan back from its arguments.
///
/// # Errors
/// An argument that [`Remote::start`] never writes.
pub fn plan(arguments: Vec<String>) -> Result<Plan> {
    let mut rest = arguments.into_iter();
    let (mut directory, mut sweep, mut script) = (None, false, None);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--dir" => directory = rest.next().map(PathBuf::from),
            "--sweep" => sweep = true,
            "--agent-script" => script = rest.next().map(PathBuf::from),
            other => {
                bail!(
                    "drill-sandbox does not know `{other}`; it is started by `interlock drill`, not by hand"
                )
            }
        }
    }
    let directory =
        directory.context("drill-sandbox needs `--dir DIR`; it is started by `interlock drill`")?;
    Ok(Plan { directory, sweep, script })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_the_command_line() {
        let whole = Plan { directory: "/tmp/a b".into(), sweep: true, script: Some("/tmp/agent".into()) };
        let plain = Plan { directory: "/d".into(), sweep: false, script: None };
        for wanted in [whole, plain] {
            let words = arguments(&wanted).into_iter().map(|word| word.into_string().unwrap()).collect();
            assert_eq!(plan(words).unwrap(), wanted);
        }
    }

    #[test]
    fn a_sandbox_by_hand_is_refused_with_a_reason() {
        assert!(plan(vec!["--help".into()]).unwrap_err().to_string().contains("interlock drill"));
        assert!(plan(vec![]).unwrap_err().to_string().contains("--dir"));
    }
}
