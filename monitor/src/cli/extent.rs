//! How far an approval reaches, on the command line.

use std::time::Duration;

use clap::{ArgGroup, Args};

use super::language::{duration, spelled};
use interlock_core::holds::extent::Scope;

/// What else an approval lets go on.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(group(ArgGroup::new("more").args(["time", "times", "session"]).multiple(true)))]
pub struct Extent {
    /// This one action only (the default)
    #[arg(long, conflicts_with_all = ["time", "times", "session"])]
    once: bool,
    /// Also what the session does of the same later, for so long: 30s, 10m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// Also so many further times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub times: Option<u32>,
    /// Also as long as the session lives
    #[arg(long, conflicts_with_all = ["time", "times"])]
    pub session: bool,
    /// Of that, all hosts of the same provider, under the same rule
    #[arg(long, requires = "more")]
    provider: bool,
    /// Of that, all hosts of the same class, under the same rule
    #[arg(long, requires = "more", conflicts_with = "provider")]
    class: bool,
}

impl Extent {
    #[must_use]
    pub fn scope(&self) -> Scope {
        match (self.provider, self.class) {
            (true, _) => Scope::Provider,
            (_, true) => Scope::Class,
            _ => Scope::Object,
        }
    }

    /// What goes on later, as the end of a sentence; empty for once.
    #[must_use]
    pub fn further(&self, session: &str) -> String {
        let mut ends = Vec::new();
        ends.extend(self.time.map(|time| format!("for {}", spelled(time))));
        ends.extend(
            self.times
                .map(|times| if times == 1 { "once more".to_owned() } else { format!("{times} times") }),
        );
        ends.extend(self.session.then(|| "until it ends".to_owned()));
        if ends.is_empty() {
            return String::new();
        }
        let what = match self.scope() {
            Scope::Object => "may do so again",
            Scope::Provider => "may reach all of its provider",
            Scope::Class => "may reach all of its class",
        };
        format!("; session {session} {what} {}", ends.join(", at most "))
    }
}
