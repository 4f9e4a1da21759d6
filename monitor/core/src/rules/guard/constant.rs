//! Guards that never vary: what an expression can be, whatever the fact is.
//!
//! An approximation from above: a value that is said to be possible may not be; one that is said to be impossible is. Where
//! an operation may have no result, nothing is said.

mod asked;
mod range;

use std::collections::HashMap;

use self::{
    asked::asked,
    range::{ANY, Range, Value, bound, bounds, compared, computed, each_of, is_one_text, searched},
};
use super::{
    evaluate::{Comparison, Expr, Quantifier},
    variables::{Variable, words_of},
};
use crate::{facts::Kind, rules::conditions::Conditions, words::Word as _};

/// What is known of variables.
struct Known<'c> {
    on: Kind,
    conditions: Option<&'c Conditions>,
    narrowed: HashMap<&'static str, Range>,
}

/// The value that a guard, or a comparison in one, has for every fact about `on` that meets the conditions; `None` where it
/// varies, or may fail.
pub fn constant(expr: &Expr, on: Kind, conditions: Option<&Conditions>) -> Option<bool> {
    let known = Known { on, conditions, narrowed: HashMap::new() };
    match known.value(expr) {
        Value { range: Range::Bool { can_be_true: true, can_be_false: false }, may_fail: false } => {
            Some(true)
        }
        Value { range: Range::Bool { can_be_true: false, can_be_false: true }, may_fail: false } => {
            Some(false)
        }
        _ => None,
    }
}

impl Known<'_> {
    fn value(&self, expr: &Expr) -> Value {
        let (range, may_fail) = match expr {
            Expr::Bool(value) => (Range::of_bool(*value), false),
            Expr::Int(value) | Expr::Duration(value) => (Range::Number(*value, *value), false),
            Expr::Text(text) => (Range::of_texts([text.as_str()]), false),
            Expr::Variable(variable) => (self.variable(variable), false),
            Expr::Item => (Range::Text(None), false),
            Expr::Not(one) => {
                let Value { range, may_fail } = self.value(one);
                let (can_be_true, can_be_false) = range.bools();
                (Range::Bool { can_be_true: can_be_false, can_be_false: can_be_true }, may_fail)
            }
            Expr::Negate(one) => return negated(self.value(one)),
            Expr::And(pair) => return self.and(pair),
            Expr::Or(pair) => return either(&pair.each_ref().map(|one| self.value(one))),
            Expr::If(branches) => return chosen(branches.each_ref().map(|one| self.value(one))),
            Expr::Compare(how, pair) => {
                let [left, right] = pair.each_ref().map(|one| self.value(one));
                (compared(*how, &left.range, &right.range), left.may_fail || right.may_fail)
            }
            Expr::Compute(how, pair) => {
                let [left, right] = pair.each_ref().map(|one| self.value(one));
                let (range, may_fail) = computed(*how, &left.range, &right.range);
                (range, may_fail || left.may_fail || right.may_fail)
            }
            Expr::Among(one, others) => {
                let others: Vec<Value> = others.iter().map(|other| self.value(other)).collect();
                return among(&self.value(one), &others);
            }
            Expr::Within(_) => (ANY, true), // a list may be too long
            Expr::Index(_) => (Range::Text(None), true),
            Expr::Size(one) => {
                let Value { range, may_fail } = self.value(one);
                (sizes(&range), may_fail)
            }
            Expr::Search(how, pair) => {
                let [text, part] = pair.each_ref().map(|one| self.value(one));
                (searched(*how, &text.range, &part.range), text.may_fail || part.may_fail)
            }
            Expr::Matches(one, regex) => {
                let Value { range, may_fail } = self.value(one);
                (each_of(&range, |text| regex.is_match(text)), may_fail)
            }
            Expr::Each(how, pair) => {
                let [_, condition] = pair.each_ref();
                let condition = self.value(condition).range.bools();
                let range = match (how, condition) {
                    (Quantifier::Exists | Quantifier::ExistsOne, (false, true)) => Range::of_bool(false),
                    (Quantifier::All, (true, false)) => Range::of_bool(true),
                    _ => ANY,
                };
                (range, true)
            }
        };
        Value { range, may_fail }
    }

    /// The right side is asked where the left holds, so what the left says of a variable is known there.
    fn and(&self, pair: &[Expr; 2]) -> Value {
        let [left_expr, right_expr] = pair;
        let left = self.value(left_expr);
        let mut narrowed = self.narrowed.clone();
        let possible = self.assume(left_expr, &mut narrowed);
        let there = Known { on: self.on, conditions: self.conditions, narrowed };
        let right = there.value(right_expr);
        let ((a, b), (c, d)) = (left.range.bools(), right.range.bools());
        // What is false wins over a fault beside it; where the left fails, nothing of it was assumed.
        let decided = |one: &Value| one.range.bools() == (false, true) && !one.may_fail;
        let may_fail =
            (left.may_fail || right.may_fail) && !decided(&left) && !decided(&self.value(right_expr));
        let (can_be_true, can_be_false) = (a && c && possible, b || d || !possible);
        Value { range: Range::Bool { can_be_true, can_be_false }, may_fail }
    }

    /// Notes what a condition that holds says of single variables; false where they cannot be so.
    fn assume(&self, expr: &Expr, narrowed: &mut HashMap<&'static str, Range>) -> bool {
        let mut note = |variable: &'static Variable, range: &Range| {
            let before = narrowed.get(variable.name).cloned().unwrap_or_else(|| self.variable(variable));
            let after = before.narrowed(range);
            let possible = !after.is_empty();
            narrowed.insert(variable.name, after);
            possible
        };
        match expr {
            Expr::And(pair) => pair.iter().all(|one| self.assume(one, narrowed)),
            Expr::Variable(variable) => note(variable, &Range::of_bool(true)),
            Expr::Not(one) if let Expr::Variable(variable) = &**one => note(variable, &Range::of_bool(false)),
            Expr::Compare(how, pair) => match &**pair {
                [Expr::Variable(variable), other] => {
                    bound(*how, &self.value(other)).is_none_or(|range| note(variable, &range))
                }
                [other, Expr::Variable(variable)] => {
                    bound(how.turned(), &self.value(other)).is_none_or(|range| note(variable, &range))
                }
                _ => true,
            },
            Expr::Among(one, others) if let Expr::Variable(variable) = &**one => {
                let others: Vec<Value> = others.iter().map(|other| self.value(other)).collect();
                let all = others.into_iter().map(|other| other.range).reduce(Range::joined);
                all.is_none_or(|range| note(variable, &range))
            }
            _ => true,
        }
    }

    fn variable(&self, variable: &Variable) -> Range {
        if let Some(range) = self.narrowed.get(variable.name) {
            return range.clone();
        }
        let range = self.possible(variable.name);
        self.conditions
            .and_then(|conditions| asked(conditions, variable.name))
            .map_or(range.clone(), |asked| range.narrowed(&asked))
    }

    /// What it can be in any fact of the kind.
    fn possible(&self, name: &str) -> Range {
        match name {
            "fact.kind" => Range::of_texts([self.on.word()]),
            "destination.port" => Range::Number(0, u16::MAX.into()),
            "session.risk" => Range::Number(0, u32::MAX.into()),
            "fact.at" | "session.age" | "process.age" => Range::Number(0, i64::MAX),
            "session.incomplete" | "process.owner" | "secret.foreign" | "secret.habit"
            | "destination.named" | "environ.own" | "inspect.own" => ANY,
            "process.args" => Range::Texts,
            name => words_of(name).map_or(Range::Text(None), Range::of_texts),
        }
    }
}

/// The negative of a number.
fn negated(one: Value) -> Value {
    match one {
        Value { range: Range::Number(low, high), may_fail } => {
            let (range, overflows) = bounds(&[i128::from(low), i128::from(high)].map(|end| -end));
            Value { range, may_fail: may_fail || overflows }
        }
        other => Value { range: other.range, may_fail: true },
    }
}

fn either([left, right]: &[Value; 2]) -> Value {
    let ((a, b), (c, d)) = (left.range.bools(), right.range.bools());
    // What is always true wins over a fault beside it.
    let decided = [left, right].iter().any(|one| one.range.bools() == (true, false) && !one.may_fail);
    Value {
        range: Range::Bool { can_be_true: a || c, can_be_false: b && d },
        may_fail: (left.may_fail || right.may_fail) && !decided,
    }
}

fn chosen([condition, then, otherwise]: [Value; 3]) -> Value {
    let may_fail = condition.may_fail || then.may_fail || otherwise.may_fail;
    let range = match condition.range.bools() {
        (true, false) => then.range,
        (false, true) => otherwise.range,
        _ => then.range.joined(otherwise.range),
    };
    Value { range, may_fail }
}

fn among(one: &Value, others: &[Value]) -> Value {
    let may_fail = one.may_fail || others.iter().any(|other| other.may_fail);
    let all = others.iter().map(|other| compared(Comparison::Equal, &one.range, &other.range).bools());
    let mut range = all.fold((false, true), |(a, b), (c, d)| (a || c, b && d));
    // One of several equal texts is found, whichever it is.
    if let (Range::Text(Some(texts)), true) =
        (&one.range, others.iter().all(|other| is_one_text(&other.range)))
    {
        let found = |text: &String| {
            let text = Range::of_texts([text.as_str()]);
            others.iter().any(|other| compared(Comparison::Equal, &text, &other.range).bools().0)
        };
        range.1 = texts.iter().any(|text| !found(text));
    }
    Value { range: Range::Bool { can_be_true: range.0, can_be_false: range.1 }, may_fail }
}

/// The lengths that a text can have.
fn sizes(range: &Range) -> Range {
    match range {
        Range::Text(Some(texts)) if !texts.is_empty() => {
            let sizes = || texts.iter().map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
            Range::Number(sizes().min().unwrap_or(0), sizes().max().unwrap_or(i64::MAX))
        }
        _ => Range::Number(0, i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::guard::Guard;

    fn of(text: &str, on: Kind) -> Option<bool> {
        Guard::compile(text, on).unwrap().constant(on, None)
    }

    #[test]
    fn what_a_read_may_be_or_not_varies() {
        for text in ["secret.foreign", "secret.habit", "secret.habit == true", "!secret.habit"] {
            assert_eq!(of(text, Kind::Open), None, "{text}");
        }
    }

    #[test]
    fn what_never_varies_is_found() {
        for text in [
            "true",
            "1 + 1 == 2",
            "fact.kind == \"connect\"",
            "session.risk >= 0",
            "destination.port <= 65535",
            "session.age >= duration(\"0s\")",
            "size(process.args) >= 0",
            "fact.kind in [\"open\", \"connect\"]",
            "process.argv.contains(\"\")",
            "session.incomplete || true",
            "fact.kind.startsWith(\"con\")",
            "fact.kind.matches(\"^c\")",
            "session.incomplete ? true : fact.kind != \"open\"",
        ] {
            assert_eq!(of(text, Kind::Connect), Some(true), "{text}");
        }
        for text in [
            "fact.kind == \"open\"",
            "destination.port > 65535",
            "session.risk < 0",
            "destination.class == \"infra\" && destination.class == \"model\"",
            "destination.port > 100 && destination.port < 50",
            "session.incomplete && !session.incomplete",
            "destination.class in [\"infra\", \"vcs\"] && destination.class == \"model\"",
            "process.args.exists(arg, fact.kind == \"open\") && false",
            "-session.risk > 5",
        ] {
            assert_eq!(of(text, Kind::Connect), Some(false), "{text}");
        }
    }

    #[test]
    fn what_varies_or_may_fail_is_left_alone() {
        for text in [
            "destination.class == \"infra\"",
            "session.risk > 5",
            "process.args[0] == \"curl\"",
            "1 / session.risk >= 0 || true == false",
            "process.args.exists(arg, arg == \"x\")",
            "destination.port == 443 || destination.port == 80",
            "destination.name.endsWith(\".test\")",
            "destination.class != \"infra\" && destination.class != \"model\"",
            "session.age < duration(\"10m\") && session.age > duration(\"5m\")",
        ] {
            assert_eq!(of(text, Kind::Connect), None, "{text}");
        }
    }
}
