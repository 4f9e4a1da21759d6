//! What to do about it.

use super::summary::{Gathered, Summary};

/// Sessions that are named to learn from.
const SESSIONS: usize = 3;

/// A sentence or a command each, the most urgent first.
pub fn next(summary: &Summary, gathered: &Gathered) -> Vec<String> {
    let mut next = Vec::new();
    let total = summary.total;
    if !summary.waiting.is_empty() {
        next.push(format!("{} may still wait: look with `interlock watch`", summary.waiting.join(", ")));
    }
    if summary.lost_records > 0 {
        next.push("records were lost, so not everything was judged: `interlock doctor` says more".to_owned());
    }
    if total.unanswered > 0 {
        next.push(format!(
            "{} holds were answered by nobody: see them with `interlock events --kind hold-expired --since 7d`",
            total.unanswered
        ));
    }
    let mut lessons: Vec<(&String, &u64)> = gathered.lessons.iter().collect();
    lessons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (session, count) in lessons.iter().take(SESSIONS) {
        next.push(format!(
            "`interlock suggest {session}` proposes exceptions for what it was right to do ({count})"
        ));
    }
    if lessons.len() > SESSIONS {
        next.push(format!("and so for {} more sessions", lessons.len() - SESSIONS));
    }
    if total.would > 0 {
        next.push(
            "what is left is what enforce mode would stop: when that is right, set `mode = \"enforce\"`"
                .to_owned(),
        );
    }
    if next.is_empty() {
        next.push("nothing: no rule had to ask anybody".to_owned());
    }
    next
}
