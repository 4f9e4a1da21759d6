//! `kubectl interlock approve`, `deny`, `thaw`: a person decides through the cluster, by their own access to it.

use std::{
    ffi::OsString,
    io::{self, BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use interlock_kubernetes::holds::{
    decision::{Answer, DecisionStatus, Verdict},
    hold::{HoldSpec, InterlockHold},
    person::{self, Place, Said, Undecided},
};

use super::{
    exit::{Exit, Failure},
    holds::{evidence, reason},
    language::{duration, id, plain},
    printer::{Printer, prompt},
    wait::wait,
};

/// kubectl finds its plugins by name.
const PLUGIN: &str = "kubectl-interlock";
/// How long the daemon of the node may take to answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// The command line of `interlock kubectl …`, where it was called as kubectl calls its plugins.
pub fn as_plugin(mut args: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let name = args.next()?;
    let is_plugin = Path::new(&name).file_name().is_some_and(|name| name == PLUGIN);
    is_plugin.then(|| ["interlock".into(), "kubectl".into()].into_iter().chain(args).collect())
}

#[derive(Args, Debug)]
pub struct Kubectl {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    verb: Verb,
}

/// As kubectl has them.
#[derive(Args, Debug)]
struct Where {
    /// Namespace of the hold [default: the context's]
    #[arg(long, short, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, global = true)]
    context: Option<String>,
    /// File of the access to the cluster [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let a held action go on
    Approve(Approve),
    /// Refuse a held action
    Deny(Decide),
    /// Let a frozen session go on, on probation
    Thaw(Decide),
}

#[derive(Args, Debug)]
struct Decide {
    /// As `kubectl get holds` prints it
    #[arg(value_parser = id)]
    name: String,
    /// What you were shown, as `kubectl get holds` prints it; refused if it is about something else by now
    #[arg(long, value_name = "TOKEN", value_parser = evidence)]
    evidence: Option<String>,
    /// Why, in one line: it is recorded, and told to whoever asked
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

#[derive(Args, Debug)]
struct Approve {
    #[command(flatten)]
    decide: Decide,
    /// Also what the session does of the same later, for so long: 30s, 10m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Also so many further times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: Option<u32>,
}

impl Kubectl {
    pub fn perform(self, printer: &Printer) -> Result<Exit, Failure> {
        let Where { namespace, context, kubeconfig } = self.place;
        let place = Place { kubeconfig, context, namespace };
        let (verdict, decide, time, times) = match self.verb {
            Verb::Approve(Approve { decide, time, times }) => (Verdict::Approve, decide, time, times),
            Verb::Deny(decide) => (Verdict::Deny, decide, None, None),
            Verb::Thaw(decide) => (Verdict::Thaw, decide, None, None),
        };
        let for_seconds = time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
        let status = wait(async {
            let (client, namespace) = place.client().await.map_err(failure)?;
            let hold = person::find(&client, &namespace, &decide.name).await.map_err(failure)?;
            if verdict != Verdict::Deny && decide.evidence.is_none() {
                show_and_ask(&hold, verdict, printer)?;
            }
            let said = Said { evidence: decide.evidence, reason: decide.reason, for_seconds, times };
            person::decide(&client, &hold, verdict, said, PATIENCE).await.map_err(failure)
        })?;
        answered(&status, printer)
    }
}

/// What is decided is what was shown: who has not seen it here says by its evidence that they saw it elsewhere.
fn show_and_ask(hold: &InterlockHold, verdict: Verdict, printer: &Printer) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        let text = format!(
            "--evidence {} says that you have seen what it is about; kubectl get holds -o yaml shows it",
            hold.spec.evidence
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    shown(&hold.spec).iter().for_each(|line| printer.say(line));
    let (mut said, asked) = (String::new(), verdict.subresource());
    prompt(&format!("{asked}? [yes/No] "));
    io::stdin().lock().read_line(&mut said)?;
    if said.trim() == "yes" { Ok(()) } else { Err(Failure::new(Exit::Negative, "nothing was decided")) }
}

/// Everything that its evidence is about.
fn shown(spec: &HoldSpec) -> Vec<String> {
    let more = (spec.others_more > 0).then(|| format!("and {} more", spec.others_more));
    let pod = match &spec.owner {
        Some(owner) => format!("{}, of {owner}", spec.pod.name),
        None => spec.pod.name.clone(),
    };
    let lines = [
        ("pod", pod),
        ("agent", format!("{} {}", spec.agent, spec.session)),
        ("waits", spec.process.clone()),
    ]
    .into_iter()
    .chain(spec.others.iter().cloned().chain(more).map(|other| ("waits", other)))
    .chain([("for", spec.destination.clone()), ("rule", format!("{}: {}", spec.rule, spec.summary))])
    .chain(spec.because.iter().map(|touch| ("because", touch.clone())))
    .chain(spec.terms.clone().map(|terms| ("terms", terms)));
    lines.map(|(name, value)| plain(&format!("{name:8} {value}"))).collect()
}

fn answered(status: &DecisionStatus, printer: &Printer) -> Result<Exit, Failure> {
    let message = plain(&status.message);
    match status.answer {
        Answer::Accepted => {
            printer.data(&message)?;
            Ok(Exit::Success)
        }
        Answer::NotPermitted | Answer::Unproven => Err(Failure::new(Exit::NotPermitted, message)),
        Answer::TooLate | Answer::Invalid => Err(Failure::new(Exit::Negative, message)),
    }
}

fn failure(error: Undecided) -> Failure {
    let exit = match &error {
        Undecided::NoCluster(_) => Exit::Usage,
        Undecided::Refused(_) => Exit::NotPermitted,
        Undecided::NoHold { .. } | Undecided::Api(_) | Undecided::Unanswered { .. } => Exit::Negative,
    };
    Failure::caused(exit, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_plugin_by_its_name() {
        let called =
            |args: &[&str]| as_plugin(args.iter().map(OsString::from)).map(|args| args.join(" ".as_ref()));
        assert_eq!(
            called(&["/usr/bin/kubectl-interlock", "approve", "h1"]),
            Some("interlock kubectl approve h1".into())
        );
        assert_eq!(called(&["/usr/bin/interlock", "approve", "h1"]), None);
        assert_eq!(called(&[]), None);
    }

    #[test]
    fn everything_is_shown_that_is_approved() {
        let spec = HoldSpec {
            agent: "claude-code".into(),
            session: "4711-0a1b2".into(),
            owner: Some("ann".into()),
            process: "4722 curl \u{1b}[2J".into(),
            others: vec!["4723 wget".into()],
            others_more: 3,
            destination: "api.example:443".into(),
            rule: "infra".into(),
            summary: "why".into(),
            because: vec!["A foreign paas /x".into()],
            terms: Some("an approval needs a reason".into()),
            ..HoldSpec::default()
        };
        insta::assert_snapshot!(shown(&spec).join("\n"), @r"
        pod      , of ann
        agent    claude-code 4711-0a1b2
        waits    4722 curl \u{1b}[2J
        waits    4723 wget
        waits    and 3 more
        for      api.example:443
        rule     infra: why
        because  A foreign paas /x
        terms    an approval needs a reason
        ");
    }
}
