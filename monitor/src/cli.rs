//! The command line: one file per verb; data to stdout, words to stderr.

mod about;
mod backends;
mod clip;
mod colour;
mod config;
mod daemon;
#[cfg(feature = "desktop")]
mod desktop;
mod doctor;
#[cfg(feature = "drill")]
mod drill;
mod events;
pub mod exit;
mod explain;
mod extent;
mod factor;
mod global;
mod grants;
mod holds;
#[cfg(feature = "kubernetes")]
mod kubectl;
mod language;
mod ledger;
mod notifier;
mod past;
mod printer;
mod privilege;
mod record;
mod replay;
mod report;
mod rule_test;
mod rules;
mod run;
#[cfg(test)]
mod schemas;
mod sessions;
mod status;
mod strength;
mod suggest;
mod suspend;
mod time;
mod wait;
mod watch;
mod wrap;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use self::{
    exit::{Exit, Failure},
    global::{Global, Reading},
    printer::Printer,
};
use crate::control::client::Client;

/// Behavioural monitor and circuit breaker for coding agents
#[derive(Debug, Parser)]
#[command(name = "interlock", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 a negative answer, 2 wrong usage or configuration, 3 no daemon, 4 not permitted. \
     `run` ends as its command does; 125 Interlock could not start it, 126 it cannot be run, 127 there is none.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the daemon (as root)
    Daemon(daemon::Daemon),
    #[command(flatten)]
    Client(ClientVerb),
    /// Check, test, list and reload rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Judge recorded sessions again, and print what other rules would change
    Replay(replay::Replay),
    /// Propose exceptions to rules that alerted, or held what a person approved; says what each would allow
    Suggest(suggest::Suggest),
    /// Read the record of decisions: check it, look into it, prove it to others
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Replay the incident in a closed world and see it stopped (as root)
    #[cfg(feature = "drill")]
    Drill(drill::Drill),
    /// Look at the configuration, its rules and its catalogues
    #[command(subcommand)]
    Config(config::Configuration),
    /// Decide holds of a Kubernetes cluster, as its user: also called as `kubectl interlock`
    #[cfg(feature = "kubernetes")]
    Kubectl(kubectl::Kubectl),
    /// Which version this is
    Version(Reading),
    /// Print what a shell completes the command line by
    Completions(about::Completions),
    /// Print the manual page, or write one for each verb
    Man(about::Manual),
    /// Tries what is forbidden, for the daemon that started it
    #[command(hide = true)]
    Prove,
    #[cfg(feature = "drill")]
    #[command(hide = true, disable_help_flag = true)]
    DrillSandbox {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Verbs that ask the daemon.
#[derive(Debug, Subcommand)]
enum ClientVerb {
    /// Run a command as an agent session
    Run(run::Run),
    /// What the daemon is doing
    Status(Reading),
    /// Agent sessions
    Ps(Reading),
    /// What the sessions did
    Events(events::Events),
    /// A time summed up: what was held, decided and would have been, and what to do next
    Report(report::Report),
    /// Write sessions' events as lines of JSON, for `interlock replay`; names of secrets, never contents
    Record(record::RecordSessions),
    /// What waits for a decision, live; decided by key, with the evidence on the screen
    Watch(watch::Watch),
    /// Show what waits as notifications of the desktop (as the user whose desktop it is)
    #[cfg(feature = "desktop")]
    Notify(desktop::Notify),
    /// What waits for a decision
    Holds(holds::Holds),
    /// Let a held action go on
    Approve(holds::Approve),
    /// Refuse a held action
    Deny(holds::Deny),
    /// What approvals let sessions do again
    Grants(Reading),
    /// Take back what an approval lets a session do again
    Revoke(grants::Revoke),
    /// Stop every process of a session
    Freeze(sessions::Chosen),
    /// End every process of a session
    Kill(sessions::Kill),
    /// Whom the daemon tells by webhook, ntfy, Slack, Matrix or Telegram, and whether they are told
    #[command(subcommand)]
    Notifier(notifier::Notifier),
    /// Let a frozen session go on, on probation
    Thaw(sessions::Thaw),
    /// Allow everything of a session for a time, and record all of it (admins)
    BreakGlass(suspend::BreakGlass),
    /// The same for your own sessions, where the configuration allows it
    Pause(suspend::Pause),
    /// Codes and keys that your decisions take
    #[command(subcommand)]
    Factor(factor::Factor),
    /// Why an event or a hold was decided as it was
    Explain(explain::Explain),
    /// What this machine allows to watch and to stop
    Doctor(Reading),
}

impl ClientVerb {
    fn perform(self, client: &Client, global: &Global) -> Result<Exit, Failure> {
        let plain = global.printer(Reading::default());
        match self {
            Self::Run(run) => run.perform(client, &plain),
            Self::Status(reading) => status::show(client, &global.printer(reading)),
            Self::Ps(reading) => sessions::list(client, &global.printer(reading)),
            Self::Events(events) => events.perform(client, global),
            Self::Report(report) => report.perform(client, global),
            Self::Record(record) => record.perform(client, &plain),
            Self::Watch(watch) => watch.perform(client),
            #[cfg(feature = "desktop")]
            Self::Notify(notify) => notify.perform(client, &plain),
            Self::Holds(holds) => holds.perform(client, &global.printer(holds.reading)),
            Self::Approve(approve) => approve.perform(client, &plain),
            Self::Deny(deny) => deny.perform(client, &plain),
            Self::Grants(reading) => grants::list(client, &global.printer(reading)),
            Self::Revoke(revoke) => revoke.perform(client, &plain),
            Self::Freeze(chosen) => chosen.freeze(client, &plain),
            Self::Kill(kill) => kill.perform(client, &plain),
            Self::Thaw(thaw) => thaw.perform(client, &plain),
            Self::BreakGlass(glass) => glass.perform(client, &plain),
            Self::Pause(pause) => pause.perform(client, &plain),
            Self::Factor(factor) => factor.perform(client, global),
            Self::Explain(explain) => explain.perform(client, &global.printer(explain.reading)),
            Self::Notifier(notifier) => notifier.perform(client, global),
            Self::Doctor(reading) => doctor::show(client, &global.printer(reading)),
        }
    }
}

fn plain(global: &Global) -> Printer {
    global.printer(Reading::default())
}

/// Parses the command line, does what it says, and reports.
#[must_use]
pub fn main() -> ExitCode {
    #[cfg(feature = "kubernetes")]
    if let Some(args) = kubectl::as_plugin(std::env::args_os()) {
        return run(Cli::parse_from(args));
    }
    run(Cli::parse())
}

fn run(Cli { global, verb }: Cli) -> ExitCode {
    let done = match verb {
        Verb::Prove => return interlock_host::probes::selftest::act::main(),
        #[cfg(feature = "drill")]
        Verb::DrillSandbox { args } => return crate::drill::sandbox_main(args),
        Verb::Daemon(daemon) => daemon.perform(&global),
        #[cfg(feature = "drill")]
        Verb::Drill(drill) => drill.perform(&global),
        Verb::Rules(rules) => rules.perform(&global),
        Verb::Replay(replay) => replay.perform(&global),
        Verb::Suggest(suggest) => suggest.perform(&global),
        Verb::Config(config) => config.perform(&global),
        #[cfg(feature = "kubernetes")]
        Verb::Kubectl(kubectl) => kubectl.perform(&plain(&global)),
        Verb::Version(reading) => about::version(&global, reading),
        Verb::Completions(completions) => completions.perform(&plain(&global), Cli::command()),
        Verb::Man(manual) => manual.perform(&plain(&global), Cli::command()),
        Verb::Ledger(ledger) => ledger.perform(&global),
        Verb::Client(verb) => global.client().and_then(|client| verb.perform(&client, &global)),
    };
    let exit = done.unwrap_or_else(|failure| {
        if let Some(text) = &failure.text {
            printer::complain(text);
        }
        failure.exit
    });
    exit.into()
}

#[cfg(test)]
pub(crate) use tests::sample;

#[cfg(test)]
mod tests;
