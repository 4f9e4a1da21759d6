//! A whole rule against a fact: all but its threshold, which counts what it is asked about.

use std::fmt::{self, Display, Formatter};

use super::{
    observer::{Condition, Finding, FullTrace, Noop, Observer, Wording},
    view::{Unknown, View},
};
use crate::{
    facts::{Action, BootNanos},
    rules::{
        conditions::Conditions,
        guard::{Fault, Guard, Scope},
        memory::{Memory, Seen},
        model::{Order, Rule, Sequence, Threshold},
        wording::{Span, Within},
    },
    words::Word,
};

/// What became of asking.
pub struct Asked {
    /// Nothing stood against a match, as far as the observer wanted to hear.
    pub met: bool,
    /// The guard had no result.
    pub faulty: bool,
    /// The most that may be done because of the rule.
    pub ceiling: Action,
}

impl View<'_> {
    pub fn ask<W: Observer>(&self, rule: &Rule, memory: &Memory, observer: &mut W) -> Asked {
        let unknown = if rule.action == Action::Allow { Unknown::IsUnmet } else { Unknown::IsMet };
        self.ask_with(unknown, rule, memory, observer)
    }

    /// Whether only the session's lost records speak for the rule: what it did is not known to be what the rule wants.
    pub fn guesses(&self, rule: &Rule, memory: &Memory) -> bool {
        self.fact.incomplete && !self.ask_with(Unknown::IsUnmet, rule, memory, &mut Noop).met
    }

    fn ask_with<W: Observer>(
        &self,
        unknown: Unknown,
        rule: &Rule,
        memory: &Memory,
        observer: &mut W,
    ) -> Asked {
        let mut asked = Asked { met: false, faulty: false, ceiling: Action::Kill };
        asked.met = self.meets(&rule.conditions, memory, unknown, observer)
            && self.is_no_exception(rule, memory, observer)
            && self.meets_guard(rule, memory, &mut asked, observer)
            && self.follows(rule, memory, unknown, observer);
        asked
    }

    fn is_no_exception<W: Observer>(&self, rule: &Rule, memory: &Memory, observer: &mut W) -> bool {
        rule.except.iter().all(|conditions| {
            let excepted = self.meets(conditions, memory, Unknown::IsUnmet, &mut Noop);
            let part = |part| Exception { view: self, conditions, memory, part };
            observer.hears(Finding {
                condition: "except",
                met: !excepted,
                asked: &part(Part::Asked),
                found: &part(Part::Found),
                instead: &part(Part::Lacking),
                wording: Wording::Silent,
            })
        })
    }

    /// Closed for what stops, or a session could talk its way past a rule by confusing its guard; but nobody is killed
    /// because of a guess. Open for alerts, and no exception is made by a guess.
    fn meets_guard<W: Observer>(
        &self,
        rule: &Rule,
        memory: &Memory,
        asked: &mut Asked,
        observer: &mut W,
    ) -> bool {
        let Some(guard) = &rule.guard else { return true };
        let scope = self.scope(memory.risk(self.fact.at));
        let text = guard.as_str();
        let instead = "values for which the expression is false";
        match guard.holds(&scope) {
            Ok(met) => observer.hears(Finding {
                condition: "when",
                met,
                asked: &text,
                found: &Values(guard, &scope),
                instead: &instead,
                wording: Wording::Lines(&|| guard.explain(&scope)),
            }),
            Err(fault) => {
                asked.faulty = true;
                let met = rule.action >= Action::Hold;
                if met {
                    asked.ceiling = Action::Freeze;
                }
                observer.hears(Finding {
                    condition: "when",
                    met,
                    asked: &text,
                    found: &format_args!(
                        "no result ({fault}), which counts as {}",
                        if met { "met" } else { "not met" }
                    ),
                    instead: &instead,
                    wording: Wording::Lines(&|| vec![describe_fault(text, fault, rule.action)]),
                })
            }
        }
    }

    /// Whether what must have happened before did, in time.
    fn follows<W: Observer>(&self, rule: &Rule, memory: &Memory, unknown: Unknown, observer: &mut W) -> bool {
        let Some(sequence) = &rule.after else { return true };
        let now = self.fact.at;
        let facts = memory.steps().recall(sequence, now);
        let guessed = facts.is_none() && self.fact.incomplete && unknown == Unknown::IsMet;
        let lines = || match &facts {
            Some(facts) => describe_steps(sequence, facts, now),
            None => vec!["after: unknown (records were lost)".to_owned()],
        };
        let taken = Taken { sequence, memory, now };
        let unknown = "not known, because records of the session were lost; that counts as done";
        observer.hears(Finding {
            condition: "after",
            met: facts.is_some() || guessed,
            asked: &Steps(sequence),
            found: if guessed { &unknown } else { &taken },
            instead: &format_args!("not all of it {}", Within(Some(sequence.within))),
            wording: Wording::Lines(&lines),
        })
    }

    /// Traces a rule's threshold without counting.
    pub fn trace_threshold(
        &self,
        rule: &Rule,
        threshold: &Threshold,
        memory: &Memory,
        trace: &mut FullTrace,
    ) {
        let object = threshold.distinct.map(|_| self.object());
        let counted = memory.counted(rule.key, threshold, object, self.fact.at);
        let owners = self.is_owners();
        let found: &dyn Display = if owners {
            &"what an owner tool reads of its own store is not counted"
        } else {
            &format!("{counted} with this one")
        };
        trace.hears(Finding {
            condition: "threshold",
            met: !owners && counted >= threshold.count,
            asked: &describe_threshold(threshold),
            found,
            instead: &format_args!("{} or fewer within {}", threshold.count - 1, Span(threshold.within)),
            wording: Wording::Silent,
        });
    }
}

/// One exception of a rule's own.
struct Exception<'e> {
    view: &'e View<'e>,
    conditions: &'e Conditions,
    memory: &'e Memory,
    part: Part,
}

#[derive(Clone, Copy)]
enum Part {
    /// What it names.
    Asked,
    /// What the fact has of it.
    Found,
    /// What the fact would need for it to hold.
    Lacking,
}

impl Display for Exception<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut trace = FullTrace::default();
        self.view.meets(self.conditions, self.memory, Unknown::IsUnmet, &mut trace);
        let differs = trace.conditions.iter().any(|condition| !condition.met);
        let is_shown = |condition: &&Condition| match self.part {
            Part::Asked => true,
            Part::Found => !differs || !condition.met,
            Part::Lacking => !condition.met,
        };
        f.write_str(if let Part::Asked = self.part { "not where " } else { "" })?;
        for (i, condition) in trace.conditions.iter().filter(is_shown).enumerate() {
            let value = if let Part::Found = self.part { &condition.found } else { &condition.asked };
            write!(f, "{}{}: {value}", if i == 0 { "" } else { " and " }, condition.name)?;
        }
        Ok(())
    }
}

/// The variables that a guard asks for, with their values.
struct Values<'g>(&'g Guard, &'g Scope<'g>);

impl Display for Values<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.values(self.1).join(", "))
    }
}

/// `listed (environ), then read (open), in the 30 min before`
struct Steps<'s>(&'s Sequence);

impl Display for Steps<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let joint = if self.0.order == Order::Listed { ", then " } else { " and " };
        for (i, step) in self.0.steps.iter().enumerate() {
            write!(f, "{}{} ({})", if i == 0 { "" } else { joint }, step.id, step.on.word())?;
        }
        write!(f, " {}", Within(Some(self.0.within)))
    }
}

/// How far a sequence came.
struct Taken<'s> {
    sequence: &'s Sequence,
    memory: &'s Memory,
    now: BootNanos,
}

impl Display for Taken<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, step) in self.sequence.steps.iter().enumerate() {
            write!(f, "{}{}: ", if i == 0 { "" } else { ", " }, step.id)?;
            match self.memory.steps().last(self.sequence, i) {
                None => f.write_str("not seen")?,
                Some(seen) => {
                    let ago = self.now.since(seen.at);
                    write!(f, "{} {} before", seen.what, Span(ago))?;
                    f.write_str(if ago > self.sequence.within { " (too long)" } else { "" })?;
                }
            }
        }
        Ok(())
    }
}

fn describe_steps(sequence: &Sequence, facts: &[&Seen], now: BootNanos) -> Vec<String> {
    let describe = |(step, seen): (&crate::rules::model::Step, &&Seen)| {
        format!("after {}: {} {} {} ago", step.id, step.on.word(), seen.what, Span(now.since(seen.at)))
    };
    sequence.steps.iter().zip(facts).map(describe).collect()
}

fn describe_fault(guard: &str, fault: Fault, action: Action) -> String {
    let counts =
        if action == Action::Kill { "counts as met, and kill became freeze" } else { "counts as met" };
    format!("when {guard}: no result ({fault}); {counts}")
}

pub fn describe_threshold(threshold: &Threshold) -> String {
    let Threshold { count, distinct, within } = threshold;
    match distinct {
        Some(distinct) => format!("{count} distinct {} within {}", distinct.word(), Span(*within)),
        None => format!("{count} times within {}", Span(*within)),
    }
}
