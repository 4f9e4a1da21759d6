//! What the notifier is told of holds: more than their events say, so that a person sees the evidence where they are.

#[cfg(feature = "kubernetes")]
pub mod cluster;

use crate::{
    config::Class,
    daemon::context::reporter::Reporter,
    notifier::{Decided, Notice, command_line},
};
use interlock_core::{
    decide::Decider,
    event_fields::texts,
    explanation::{Explanation, Read},
    facts::{BootNanos, HoldState, SessionId},
    holds::{Hold, evidence::Evidence},
    sessions::Registry,
    words::Word as _,
};

/// A hold was opened.
pub fn tell_hold(reporter: &Reporter, decider: &Decider, number: u64) {
    let Some(hold) = decider.holds().get(number) else { return };
    #[cfg(feature = "kubernetes")]
    cluster::tell_hold(reporter, &decider.sessions, hold);
    reporter.channels.notifier.tell(Class::Hold, || {
        let mut notice = about(reporter, &decider.sessions, hold, Class::Hold);
        notice.deadline = hold.deadline.map(|deadline| reporter.wall.at(deadline));
        notice.then = Some(hold.then);
        notice.evidence = Some(Evidence::of(hold).token().to_owned());
        notice
    });
}

/// A hold is over, by whomever.
pub fn tell_decided(reporter: &Reporter, sessions: &Registry, hold: &Hold, at: BootNanos) {
    if hold.state == HoldState::Waiting {
        return;
    }
    #[cfg(feature = "kubernetes")]
    cluster::tell_decided(reporter, hold, at);
    reporter.channels.notifier.tell(Class::Decided, || {
        let mut notice = about(reporter, sessions, hold, Class::Decided);
        let at = reporter.wall.at(at);
        notice.decided =
            Some(Decided { state: hold.state, at, by: hold.decided_by.clone(), reason: hold.reason.clone() });
        notice
    });
}

/// At the start: whoever was told already is told nothing again, and what was told of and does not wait any more is over.
pub fn tell_what_waits(reporter: &Reporter, decider: &Decider) {
    reporter.channels.notifier.only_these_wait(decider.holds().waiting().map(Hold::id).collect());
    decider.holds().waiting().for_each(|hold| tell_hold(reporter, decider, hold.number));
}

fn about(reporter: &Reporter, sessions: &Registry, hold: &Hold, class: Class) -> Notice {
    let id = SessionId(hold.session);
    let mut notice = Notice::new(&hold.id(), class, hold.severity, reporter.wall.at(hold.since));
    "hold".clone_into(&mut notice.action);
    notice.session = Some(id.to_string());
    notice.agent = Some(hold.agent.clone());
    notice.command = Some(format!("{} {}", hold.pid, hold.command));
    notice.object = Some(hold.target());
    notice.rules = vec![hold.rule.clone()];
    notice.summary = Some(hold.summary.clone());
    if let Some(session) = sessions.get(id) {
        notice.user = Some(session.user);
        notice.incomplete = session.incomplete;
    }
    match reporter.explanations.accounts.of(hold.number) {
        Some(account) => {
            notice.read = reads(&account.explanation);
            if let Some(whole) = whole_command(&account.explanation) {
                notice.command = Some(format!("{} {whole}", hold.pid));
            }
        }
        None => notice.read.clone_from(&hold.because),
    }
    notice
}

/// The command line of whoever was held, which the hold itself has only the begin of.
fn whole_command(explanation: &Explanation) -> Option<String> {
    let args: Vec<&str> = texts(&explanation.event, "process.args").collect();
    (!args.is_empty()).then(|| command_line(&args))
}

/// Those that the rule counts first.
fn reads(explanation: &Explanation) -> Vec<String> {
    let mut reads: Vec<&Read> = explanation.read.iter().collect();
    reads.sort_by_key(|read| !read.counts);
    reads.into_iter().map(read).collect()
}

/// `/home/ann/.railway/config.json (A foreign paas), 9 ms before, by 30188 cat /home/…`
fn read(read: &Read) -> String {
    let foreign = if read.foreign { " foreign" } else { "" };
    let by = read.by.as_ref().map(|by| format!(", by {} {}", by.pid, by.command)).unwrap_or_default();
    let before = match read.before_ms {
        ms @ 0..=9_999 => format!("{ms} ms"),
        ms => format!("{} s", ms / 1000),
    };
    format!("{} ({}{foreign} {}), {before} before{by}", read.path, read.grade.word(), read.class)
}
