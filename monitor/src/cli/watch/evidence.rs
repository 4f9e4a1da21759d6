//! What a person decides by: who asks for what, how that is known, and what was read before.

use crate::{
    cli::{
        clip::clipped,
        language::{ago, plain, word},
    },
    control::api::{HoldView, SessionView},
};
use interlock_core::explanation::{Explanation, Read};

/// Of `explain`, a line about another process that waits; the hold itself says who does.
const COMPANY: &str = "also waits: ";

/// Columns of a label and the space behind it.
pub const LABEL: usize = 13;

/// Lines of which the first begins with the label.
pub fn labelled(label: &str, facts: &[String]) -> Vec<String> {
    let label = |place| if place == 0 { label } else { "" };
    facts.iter().enumerate().map(|(place, text)| format!("{:<1$}{text}", label(place), LABEL)).collect()
}

/// A hold's evidence, each with its label.
pub fn evidence(hold: &HoldView, story: Option<&Explanation>) -> Vec<(&'static str, Vec<String>)> {
    let mut asks = vec![format!("{} {}", hold.pid, hold.command)];
    asks.extend(hold.others.iter().cloned());
    let object = story.map(|story| story.object.as_slice()).unwrap_or_default();
    let mut reaches: Vec<String> = object.iter().filter(|line| !line.starts_with(COMPANY)).cloned().collect();
    if !reaches.iter().any(|line| line.starts_with(&hold.destination)) {
        reaches.insert(0, hold.destination.clone());
    }
    let mut parts = vec![
        ("who asks", asks),
        ("for what", reaches),
        ("read before", read(hold, story)),
        ("rule", vec![format!("{} ({}): {}", hold.rule, word(hold.severity), hold.summary)]),
    ];
    parts.extend(hold.terms.sentence().map(|terms| ("needs", vec![terms])));
    if let Some(story) = story {
        parts.push(("not known", story.unknown.clone()));
    }
    for (_, lines) in &mut parts {
        lines.iter_mut().for_each(|line| *line = plain(line));
    }
    parts.retain(|(_, lines)| !lines.is_empty());
    parts
}

/// The secrets that count, with the programs that read them; as long as those are not known, the secrets.
fn read(hold: &HoldView, story: Option<&Explanation>) -> Vec<String> {
    let counts = story.into_iter().flat_map(|story| &story.read).filter(|read| read.counts);
    let read: Vec<String> = counts.map(describe).collect();
    if read.is_empty() { hold.because.clone() } else { read }
}

fn describe(read: &Read) -> String {
    let Read { path, class, grade, foreign, before_ms, by, .. } = read;
    let place = if *foreign { "foreign" } else { "own" };
    let before = ago(*before_ms);
    let by = match by {
        Some(by) => format!("by {} {} ({})", by.pid, by.command, by.executable),
        None => "by a process that is not known".to_owned(),
    };
    format!("{path} ({} {place} {class}), {before} before, {by}", word(grade))
}

/// Letters of a session's command line that are shown: it says which session it is, and is not what is decided about.
const COMMAND_MAX: usize = 100;

/// Whose session it is.
pub fn whose(session: &SessionView) -> String {
    let place = session.workspace.as_deref().unwrap_or("a workspace that is not known");
    let command = clipped(&session.command, COMMAND_MAX);
    plain(&format!("{} {} of user {} in {place}: {command}", session.agent, session.id, session.user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::sample;

    #[test]
    fn the_evidence_is_whole_and_cannot_change_the_screen() {
        let mut hold = sample::hold();
        hold.others = vec!["4730 curl \u{1b}[2J".into()];
        let mut story = sample::explanation();
        story.object.push("also waits: 4730 curl".into());
        let text = format!("{:#?}", evidence(&hold, Some(&story)));
        for part in [
            "4722 curl -X POST",
            "4730 curl \\\\u{1b}",
            "class infra",
            "4721 cat config.json (/usr/bin/cat)",
            "9.0 s before",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains(COMPANY), "{text}");
        let alone = format!("{:?}", evidence(&sample::hold(), None));
        assert!(alone.contains("A foreign paas /home/x/.railway/config.json"), "{alone}");
    }
}
