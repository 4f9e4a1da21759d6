//! What the effects of a step come to, rule by rule.

use super::case::{Answer, Decision, Decisions};
use crate::{
    decide::{Effect, Report, Stop},
    facts::{Action, HoldState},
    record::Who,
};

/// What is done, in enforce mode with every backend in force; in observe mode, what would be.
///
/// A rule counts once, by what came of it: a second attempt in probation is no hold any more but a freeze, and what a person
/// has approved before is let go on.
#[must_use]
pub fn decisions(effects: &[Effect]) -> Decisions {
    let mut decisions = Decisions::new();
    for effect in effects {
        match effect {
            Effect::Judged(decision) => {
                decisions.extend(decision.verdict.matches.iter().map(|found| Decision {
                    answer: if found.observed_only { Answer::Observe } else { found.action.into() },
                    rule: found.rule.id.clone(),
                }));
            }
            Effect::Report(Report::WouldFreeze { rule, .. }) => replace(&mut decisions, rule, Answer::Freeze),
            Effect::Report(Report::Act {
                name: "flow-released", decision, action: Action::Allow, ..
            }) => {
                replace(&mut decisions, &decision.rule(), Answer::Allow);
            }
            Effect::Report(Report::Hold { hold, .. }) => {
                let answer = if hold.state == HoldState::Approved { Answer::Allow } else { Answer::Deny };
                // Silence that froze the tree is reported by that.
                if !decisions.iter().any(|known| known.rule == hold.rule && known.answer > answer) {
                    replace(&mut decisions, &hold.rule, answer);
                }
            }
            effect => {
                if let Some(Stop { who: Who::Rule(rule), .. }) = stop(effect) {
                    let killed = matches!(effect, Effect::Kill(_));
                    replace(&mut decisions, rule, if killed { Answer::Kill } else { Answer::Freeze });
                }
            }
        }
    }
    decisions
}

/// The tree that an effect stops.
#[must_use]
pub fn stop(effect: &Effect) -> Option<&Stop> {
    match effect {
        Effect::Freeze(stop) | Effect::Kill(stop) => Some(stop),
        _ => None,
    }
}

fn replace(decisions: &mut Decisions, rule: &str, answer: Answer) {
    decisions.retain(|known| known.rule != rule);
    decisions.insert(Decision { answer, rule: rule.to_owned() });
}
