//! Learning, carefully: exceptions that a session gives reason to.
//!
//! What rules alerted on, what they held and a person approved, and what they would have held in observe mode becomes the narrowest
//! exception that the language has; of the last it is said that nobody was asked.
//! Each is compiled with the rules that it is for, and judged by replay: it must excuse exactly findings of its own kind,
//! let no attack of the corpus through, and it says what it would allow besides. Nothing is learned from a session that
//! tripped, or that is not wholly known. See `docs/rules.md`.

mod basis;
mod corpus;
mod exception;
mod finding;
mod history;
mod near;
mod program;
mod text;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

pub use self::{
    basis::Basis,
    corpus::{Corpus, Played},
};
use self::{
    exception::Exception,
    finding::{Finding, findings, place_of},
    text::{comment, document, section},
};
use crate::{
    catalog::Catalog,
    facts::Action,
    problem::Problems,
    replay::{Record, Ruled},
    rule_test::Decisions,
    rules::RuleSet,
    words::Word as _,
};

/// Findings of one session that are looked at: each costs a look at what came before it.
const FINDINGS_MAX: usize = 1000;

/// Of what was only observed.
const REVIEW: &str =
    "REVIEW: observed, and held by nobody. Whoever keeps this is the first person who is asked.";

/// Exceptions of one session: each costs a replay, and the corpus.
const PROPOSALS_MAX: usize = 64;

/// What was learned from a session.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Suggestions {
    pub session: String,
    pub agent: String,
    /// SHA-256 of the rules that the proposals are for, hexadecimal.
    pub rules: String,
    /// Why nothing may be learned from the session; then there are no proposals.
    pub objections: Vec<String>,
    pub proposals: Vec<Proposal>,
    /// Findings that no exception is proposed for.
    pub left: Vec<Left>,
    /// All proposals as one file for the directory of rules.
    pub file: Option<String>,
}

/// An exception to one rule.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Proposal {
    pub rule: String,
    /// What the rule does today.
    pub action: Action,
    pub agent: String,
    /// Of what it excuses, something was held of nobody: in observe mode it would have been, and no person was asked.
    pub unasked: bool,
    /// The findings that it excuses.
    pub excuses: Vec<Seen>,
    /// The exception as one file for the directory of rules.
    pub file: String,
    /// What it would allow that is not allowed today.
    pub allows: Vec<String>,
    /// What the rule would decide as it does today.
    pub stays: Vec<String>,
    pub corpus: Played,
    #[serde(skip)]
    exception: Exception,
}

/// Findings of one rule that no exception is proposed for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Left {
    pub rule: String,
    pub findings: Vec<Seen>,
    pub why: String,
}

/// An event that a rule matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Seen {
    /// Of the event.
    pub id: String,
    pub time: Timestamp,
    /// `connect api.example.com:443`
    pub event: String,
}

/// What proposals are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Learner<'a> {
    pub basis: &'a Basis,
    pub catalog: &'a Catalog,
    pub corpus: &'a Corpus,
}

impl Learner<'_> {
    /// Learns from the one session that `record` is about.
    #[must_use]
    pub fn learn(&self, record: &Record) -> Suggestions {
        let rules = self.basis.rules();
        let ruled = record.judge(rules);
        let first = record.entries.first();
        let mut learned = Suggestions {
            session: first.map(|entry| entry.session.clone()).unwrap_or_default(),
            agent: first.map(|entry| entry.agent.clone()).unwrap_or_default(),
            rules: rules.sha256().to_owned(),
            objections: history::objections(record, &ruled),
            proposals: Vec::new(),
            left: Vec::new(),
            file: None,
        };
        if !learned.objections.is_empty() {
            return learned;
        }
        let findings = findings(record, &ruled, rules, FINDINGS_MAX);
        if findings.len() > FINDINGS_MAX {
            learned.objections.push(format!(
                "rules said something more than {FINDINGS_MAX} times: that is no matter of exceptions, but of the rules"
            ));
            return learned;
        }
        let case = Session { record, ruled: &ruled, findings: &findings };
        let mut seen: Vec<&Exception> = Vec::new();
        for finding in &findings {
            match &finding.exception {
                Ok(exception) if seen.contains(&exception) => {}
                Ok(exception) if seen.len() == PROPOSALS_MAX => {
                    let why = format!("there are more than {PROPOSALS_MAX} different ones");
                    learned.leave(exception.rule.clone(), vec![case.seen(finding.place)], why);
                }
                Ok(exception) => {
                    seen.push(exception);
                    match self.propose(&case, exception) {
                        Ok(proposal) => learned.proposals.push(proposal),
                        Err(why) => learned.leave(exception.rule.clone(), case.seen_with(exception), why),
                    }
                }
                Err(why) => learned.leave(finding.rule.clone(), vec![case.seen(finding.place)], why.clone()),
            }
        }
        self.join(&case, &mut learned);
        learned
    }

    fn propose(&self, case: &Session<'_>, exception: &Exception) -> Result<Proposal, String> {
        let file = document(&[exception.yaml()]);
        let after = self.compile(&file)?;
        let places = case.excused(&after)?;
        let named = places.iter().copied().find(|place| case.has(*place, exception));
        let place = named.ok_or("the exception would not excuse what it was made for")?;
        let corpus = self.play(&[exception])?;
        let rule = self.basis.rules().get(&exception.rule).ok_or("the rule is gone")?;
        let width = near::width(case.record, place, exception, self.basis.rules(), &after);
        let today = match rule.action {
            Action::Hold => "this rule holds it for a person today, and would let it through unasked",
            _ => "this rule tells it today, and would be silent",
        };
        let always = "in every session of this agent, in any workspace and of any user".to_owned();
        let mut allows = vec![format!("{}: {today}", exception.fact), always];
        if rule.risk > 0 {
            allows.push(format!("without the {} points of risk that it adds today", rule.risk));
        }
        allows.extend(width.allowed.iter().map(|text| format!("the same {text}")));
        Ok(Proposal {
            rule: exception.rule.clone(),
            action: rule.action,
            agent: exception.agent().to_owned(),
            unasked: case.is_unasked(&places),
            excuses: places.iter().map(|place| case.seen(*place)).collect(),
            file,
            allows,
            stays: width.stays.iter().map(|text| format!("the same {text}")).collect(),
            corpus,
            exception: exception.clone(),
        })
    }

    fn compile(&self, file: &str) -> Result<Arc<RuleSet>, String> {
        self.basis.with(file, self.catalog).map_err(|problems| refused(&problems))
    }

    fn play(&self, exceptions: &[&Exception]) -> Result<Played, String> {
        let played = self.corpus.play(exceptions, self.basis, self.catalog);
        let played = played.map_err(|problems| refused(&problems))?;
        match played.let_through.as_slice() {
            [] => Ok(played),
            attacks => Err(format!("it would let attacks through: {}", attacks.join("; "))),
        }
    }

    /// All proposals in one file must excuse what each of them does, and nothing else; and what none of them lets through
    /// alone, all of them must not.
    fn join(&self, case: &Session<'_>, learned: &mut Suggestions) {
        if learned.proposals.is_empty() {
            return;
        }
        let items: Vec<String> = learned.proposals.iter().map(Proposal::commented).collect();
        let file = format!("{}{}", learned.head(), document(&items));
        let exceptions: Vec<&Exception> =
            learned.proposals.iter().map(|proposal| &proposal.exception).collect();
        let excused = self.compile(&file).and_then(|rules| case.excused(&rules));
        match excused.and_then(|_| self.play(&exceptions)) {
            Ok(_) => learned.file = Some(file),
            Err(why) => {
                for proposal in std::mem::take(&mut learned.proposals) {
                    learned.leave(proposal.rule, proposal.excuses, format!("together: {why}"));
                }
            }
        }
    }
}

/// A session and what the present rules say of it.
struct Session<'r> {
    record: &'r Record,
    ruled: &'r [Ruled<'r>],
    findings: &'r [Finding],
}

impl Session<'_> {
    fn has(&self, place: usize, exception: &Exception) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.place == place && finding.exception.as_ref() == Ok(exception))
    }

    fn is_unasked(&self, places: &[usize]) -> bool {
        self.findings.iter().any(|finding| finding.is_unasked() && places.contains(&finding.place))
    }

    fn seen_with(&self, exception: &Exception) -> Vec<Seen> {
        let same = self.findings.iter().filter(|finding| finding.exception.as_ref() == Ok(exception));
        same.map(|finding| self.seen(finding.place)).collect()
    }

    fn seen(&self, place: usize) -> Seen {
        let entry = self.record.entries.get(place);
        Seen {
            id: entry.map(|entry| entry.id.clone()).unwrap_or_default(),
            time: entry.map(|entry| entry.time).unwrap_or_default(),
            event: entry.map(crate::replay::Entry::describe).unwrap_or_default(),
        }
    }

    /// The entries that other rules decide otherwise. Each must be a finding that an exception may be made for, and nothing
    /// but its rule's word may be missing.
    fn excused(&self, rules: &Arc<RuleSet>) -> Result<Vec<usize>, String> {
        let mut places = Vec::new();
        for (before, after) in self.ruled.iter().zip(self.record.judge(rules)) {
            if before.decisions == after.decisions {
                continue;
            }
            let place = place_of(self.record, before.entry).ok_or("the session is judged otherwise")?;
            if !self.may_differ(place, &before.decisions, &after.decisions) {
                return Err(format!(
                    "the exception would change what nobody approved: {} ({} → {})",
                    before.entry.describe(),
                    crate::rule_test::describe(&before.decisions),
                    crate::rule_test::describe(&after.decisions)
                ));
            }
            places.push(place);
        }
        Ok(places)
    }

    fn may_differ(&self, place: usize, before: &Decisions, after: &Decisions) -> bool {
        let approved = |rule: &str| {
            self.findings
                .iter()
                .any(|finding| finding.place == place && finding.rule == rule && finding.exception.is_ok())
        };
        after.is_subset(before) && before.difference(after).all(|decision| approved(&decision.rule))
    }
}

impl Suggestions {
    /// Findings with the same reason are listed together.
    fn leave(&mut self, rule: String, findings: Vec<Seen>, why: String) {
        match self.left.iter_mut().find(|left| left.rule == rule && left.why == why) {
            Some(left) => left.findings.extend(findings),
            None => self.left.push(Left { rule, findings, why }),
        }
    }

    fn head(&self) -> String {
        let text = format!(
            "Suggested by interlock {} from session {} ({}). Keep what you agree with, put the file among your rules, and \
             load it with `interlock rules reload`. It was made for the rules with the SHA-256 {}.",
            env!("CARGO_PKG_VERSION"),
            self.session,
            self.agent,
            self.rules
        );
        comment("#", &text)
    }
}

impl Proposal {
    /// Its item of `override`, with what it means.
    fn commented(&self) -> String {
        let seen: Vec<String> =
            self.excuses.iter().map(|seen| format!("{}  {}", seen.time, seen.event)).collect();
        let still = format!("Still decided as today ({}):", self.action.word());
        let played =
            format!("Attack sessions: all {} that are stopped today stay stopped.", self.corpus.stopped);
        let review = if self.unasked { comment("  #", REVIEW) } else { String::new() };
        let parts = [
            review,
            section("Excuses:", &seen),
            section("Would allow what is not allowed today:", &self.allows),
            section(&still, &self.stays),
            section(&played, &self.corpus.changed),
        ];
        parts.concat() + &self.exception.yaml()
    }
}

fn refused(problems: &Problems) -> String {
    let lines: Vec<String> = problems.iter().map(crate::problem::Problem::headline).collect();
    format!("the language does not allow it: {}", lines.join("; "))
}

#[cfg(test)]
mod tests;
