//! What makes a session's flows ask.

use std::sync::Arc;

use monitor_common::policy::{GRADE_A, GRADE_B, GRADE_C, taint_bit};

use crate::{
    facts::{Action, Grade, Kind, Mode},
    rules::{conditions::Touched, model::Rule},
};

/// What makes a session's flows ask.
#[derive(Debug)]
pub struct Gates {
    /// Touches, as bits of [`taint_bit`].
    pub mask: u64,
    /// Rules whose sequence ends with a connection that they stop.
    pub sequences: Vec<usize>,
}

impl Gates {
    /// Of the rules of a set; found once, because it is asked of every fact.
    pub fn of(rules: &[Arc<Rule>]) -> Self {
        let waits = |rule: &&Arc<Rule>| {
            rule.enabled && rule.on == Kind::Connect && rule.action >= Action::Hold && rule.after.is_some()
        };
        let sequences = (0..).zip(rules).filter(|(_, rule)| waits(rule)).map(|(place, _)| place);
        Self { mask: gate_mask(rules), sequences: sequences.collect() }
    }
}

/// Enabled rules about connections that do more than allow.
pub fn connects(rules: &[Arc<Rule>]) -> impl Iterator<Item = &Rule> {
    let connects = |rule: &&Rule| rule.enabled && rule.on == Kind::Connect && rule.action >= Action::Alert;
    rules.iter().map(AsRef::as_ref).filter(connects)
}

/// Enabled rules that hold or deny what is of this kind.
pub fn stops(rules: &[Arc<Rule>], kind: Kind) -> impl Iterator<Item = &Rule> {
    let stops = move |rule: &&Rule| {
        rule.enabled
            && rule.mode == Mode::Enforce
            && rule.on == kind
            && matches!(rule.action, Action::Hold | Action::Deny)
    };
    rules.iter().map(AsRef::as_ref).filter(stops)
}

/// Touches after which a session's flows, and its requests to services, must ask.
fn gate_mask(rules: &[Arc<Rule>]) -> u64 {
    let touched = connects(rules).chain(stops(rules, Kind::Delegate));
    touched.filter_map(|rule| rule.conditions.touched.as_ref()).fold(0, |bits, touched| bits | mask(touched))
}

fn mask(touched: &Touched) -> u64 {
    let grades = [Grade::A, Grade::B, Grade::C];
    let mut mask = 0;
    for grade in grades.into_iter().filter(|grade| touched.grade.is_empty() || touched.grade.contains(grade))
    {
        for foreign in
            [false, true].into_iter().filter(|place| touched.foreign.is_none_or(|wanted| wanted == *place))
        {
            mask |= bit(grade, foreign);
        }
    }
    mask
}

/// A touch as a bit of the mask.
pub fn bit(grade: Grade, foreign: bool) -> u64 {
    let grade = match grade {
        Grade::A => GRADE_A,
        Grade::B => GRADE_B,
        Grade::C => GRADE_C,
    };
    taint_bit(grade, foreign)
}
