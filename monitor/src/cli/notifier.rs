//! `interlock notifier status`, `test`: whom the daemon tells, and whether they are told.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    language::plain,
    printer::Printer,
    wait::wait,
};
use crate::control::{
    api::{NotifyTry, TargetView},
    client::{Client, ClientError},
};

const HEADERS: [&str; 6] = ["TARGET", "KIND", "WAIT", "LOST", "DELIVERED", "PROBLEM"];
/// How long a test is waited for: an attempt takes 15 s at most.
const PATIENCE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Subcommand)]
pub enum Notifier {
    /// Show each target: what waits, what was delivered last, and why it fails (as an admin)
    Status(Reading),
    /// Send a test message, and say what became of it (as an admin)
    Test(Test),
}

#[derive(Args, Debug)]
pub struct Test {
    /// Name of a target [default: each]
    target: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Notifier {
    pub(super) fn perform(&self, client: &Client, global: &Global) -> Result<Exit, Failure> {
        match self {
            Self::Status(reading) => status(client, &global.printer(*reading)),
            Self::Test(test) => test.perform(client, &global.printer(test.reading)),
        }
    }
}

fn status(client: &Client, printer: &Printer) -> Result<Exit, Failure> {
    let views: Vec<TargetView> = wait(async { Ok(client.get("/v1/notifier").await?) })?;
    printer.list(&views, "the notifier tells nobody: no [[notify]] is configured", &HEADERS, row)?;
    let failing = views.iter().any(|view| view.failing_since.is_some());
    Ok(if failing { Exit::Negative } else { Exit::Success })
}

fn row(view: &TargetView) -> Vec<String> {
    let time = |at: jiff::Timestamp| format!("{at:.0}");
    let problem = view
        .failing_since
        .map(|since| format!("since {}: {}", time(since), plain(view.why.as_deref().unwrap_or_default())));
    vec![
        view.name.clone(),
        view.kind.clone(),
        view.waiting.to_string(),
        view.lost.to_string(),
        view.delivered.map(time).unwrap_or_else(|| "-".to_owned()),
        problem.unwrap_or_else(|| "-".to_owned()),
    ]
}

impl Test {
    fn perform(&self, client: &Client, printer: &Printer) -> Result<Exit, Failure> {
        let asked = NotifyTry { target: self.target.clone() };
        let views = wait(async {
            let names: Vec<String> = client.post("/v1/notifier/test", &asked).await?;
            Ok(outcomes(client, &names).await?)
        })?;
        printer.list(&views, "no test was sent", &["TARGET", "KIND", "TEST"], |view| {
            let test = view.test.as_ref().and_then(|test| test.outcome.as_deref());
            let test = test.unwrap_or("no answer yet; see interlock notifier status");
            vec![view.name.clone(), view.kind.clone(), plain(test)]
        })?;
        let all = views.iter().all(|view| view.test.as_ref().is_some_and(|test| test.delivered));
        Ok(if all { Exit::Success } else { Exit::Negative })
    }
}

/// What became of the tests of these targets, once it is known, or patience has ended.
async fn outcomes(client: &Client, names: &[String]) -> Result<Vec<TargetView>, ClientError> {
    let began = Instant::now();
    loop {
        let mut views: Vec<TargetView> = client.get("/v1/notifier").await?;
        views.retain(|view| names.contains(&view.name));
        let ended = |view: &TargetView| view.test.as_ref().is_some_and(|test| test.outcome.is_some());
        if views.iter().all(ended) || began.elapsed() > PATIENCE {
            return Ok(views);
        }
        tokio::time::sleep(AGAIN).await;
    }
}
