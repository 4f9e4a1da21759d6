//! Findings: what rules alerted on, and what they held and a person approved.

use std::collections::HashSet;

use super::exception::Exception;
use crate::{
    facts::{Action, Subject},
    replay::{Entry, Record, Recorded, RecordedFact, Ruled, What},
    rule_test::{Answer, Decision},
    rules::{Rule, RuleSet},
};

/// One rule and one event that it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: String,
    /// Of the record's entries.
    pub place: usize,
    /// Or why none is proposed.
    pub exception: Result<Exception, String>,
    /// How far a person has agreed; `None` where nobody has.
    consent: Option<Consent>,
}

/// The place of an entry among a record's.
pub fn place_of(record: &Record, entry: &Entry) -> Option<usize> {
    record.entries.binary_search_by_key(&entry.line, |known| known.line).ok()
}

/// The findings in the order of the events; where there are more than `most`, a few more than that.
pub fn findings(record: &Record, ruled: &[Ruled<'_>], rules: &RuleSet, most: usize) -> Vec<Finding> {
    let answers = Answers::of(record);
    let mut found = Vec::new();
    for Ruled { entry, decisions } in ruled {
        if found.len() > most {
            break;
        }
        let Some(place) = place_of(record, entry) else { continue };
        let before = record.entries.get(..place).unwrap_or_default();
        for decision in decisions.iter().filter(|decision| is_finding(decision)) {
            let Some(rule) = rules.get(&decision.rule) else { continue };
            let consent = answers.consent(entry, decision);
            let agreed = consent.clone().ok();
            let exception =
                consent.and_then(|_| check_rule(rule)).and_then(|()| Exception::of(rule, entry, before));
            found.push(Finding { rule: rule.id.clone(), place, exception, consent: agreed });
        }
    }
    refuse_strangers(&mut found);
    found
}

/// An approval reaches every program that connects to the same place for a while: what nobody was asked about is no example.
fn refuse_strangers(found: &mut [Finding]) {
    let approved: Vec<Exception> = found
        .iter()
        .filter(|finding| !finding.is_by_grant())
        .filter_map(|finding| finding.exception.as_ref().ok().cloned())
        .collect();
    for finding in found.iter_mut().filter(|finding| finding.is_by_grant()) {
        if finding.exception.as_ref().is_ok_and(|exception| !approved.contains(exception)) {
            let why = "it went through by an approval that was given for something else";
            finding.exception = Err(why.to_owned());
        }
    }
}

impl Finding {
    /// A person answered about another connection, within whose reach this one was.
    fn is_by_grant(&self) -> bool {
        self.consent == Some(Consent::ByGrant)
    }

    /// It would have been held, and nobody was asked.
    pub fn is_unasked(&self) -> bool {
        self.consent == Some(Consent::Unasked)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// Told to everybody, or approved by a person.
    Given,
    ByGrant,
    /// Observe mode: it would have been held. Whoever takes what is proposed is the first to be asked.
    Unasked,
}

fn is_finding(decision: &Decision) -> bool {
    matches!(decision.answer, Answer::Alert | Answer::Hold)
}

fn check_rule(rule: &Rule) -> Result<(), String> {
    match &rule.threshold {
        Some(threshold) => Err(format!(
            "the rule counts {} facts: an exception for the last of them would only move the count",
            threshold.count
        )),
        None => Ok(()),
    }
}

/// What people answered, by holds.
struct Answers<'r> {
    approved: HashSet<&'r str>,
    gone: HashSet<&'r str>,
    /// What was held before it happened, and approved.
    let_go: Vec<&'r Entry>,
}

impl<'r> Answers<'r> {
    fn of(record: &'r Record) -> Self {
        let approved = record.entries.iter().filter_map(|entry| match &entry.fact {
            RecordedFact::Approved { hold } => Some(hold.as_str()),
            RecordedFact::Done { .. } => None,
        });
        let gone = record.incidents.iter().filter_map(|incident| match &incident.what {
            What::Gone { hold } => Some(hold.as_str()),
            _ => None,
        });
        let approved: HashSet<&str> = approved.collect();
        let held = record.entries.iter().filter(|entry| match &entry.fact {
            RecordedFact::Done { recorded, .. } => {
                recorded.hold.as_deref().is_some_and(|hold| approved.contains(hold))
            }
            RecordedFact::Approved { .. } => false,
        });
        Self { let_go: held.collect(), gone: gone.collect(), approved }
    }

    /// Whether the very same act of the same process was held before, and approved: a program is stopped before it
    /// executes or opens something, and judged again when it does.
    fn was_let_go(&self, entry: &Entry) -> bool {
        let RecordedFact::Done {
            subject: subject @ (Subject::Exec | Subject::Open(_) | Subject::Delegate(_)),
            process,
            ..
        } = &entry.fact
        else {
            return false;
        };
        self.let_go.iter().any(|held| match &held.fact {
            RecordedFact::Done { subject: asked, process: asker, .. } => {
                held.line < entry.line
                    && asked == subject
                    && (asker.pid, &asker.executable, &asker.args)
                        == (process.pid, &process.executable, &process.args)
            }
            RecordedFact::Approved { .. } => false,
        })
    }

    /// What was held needs a person's yes; what was reported needs to have been reported.
    fn consent(&self, entry: &Entry, decision: &Decision) -> Result<Consent, String> {
        let RecordedFact::Done { recorded, .. } = &entry.fact else { return Ok(Consent::Given) };
        if !recorded.rules.contains(&decision.rule) {
            return Err("the rule did not say so when it happened: nobody has seen it".to_owned());
        }
        if decision.answer != Answer::Hold {
            return Ok(Consent::Given);
        }
        match recorded {
            Recorded { hold: Some(hold), .. } if self.approved.contains(hold.as_str()) => Ok(Consent::Given),
            Recorded { hold: Some(hold), .. } if self.gone.contains(hold.as_str()) => {
                Err(format!("{hold} ended before anybody decided"))
            }
            Recorded { hold: Some(hold), .. } => Err(format!("nobody has approved {hold}")),
            Recorded { hold: None, action: Some(Action::Hold), observed: true, .. } => Ok(Consent::Unasked),
            // Within the reach of an approval: only such a flow is released without a word of the rules.
            Recorded { hold: None, action: None, .. } => Ok(Consent::ByGrant),
            Recorded { hold: None, action: Some(Action::Hold), .. } if self.was_let_go(entry) => {
                Ok(Consent::Given)
            }
            Recorded { hold: None, action: Some(Action::Hold), .. } => {
                Err("it was not held where it happened, so nobody has approved it".to_owned())
            }
            Recorded { hold: None, .. } => Err("the rule held nothing when it happened".to_owned()),
        }
    }
}
