//! Guards that never vary: what an expression can be, whatever the fact is.
//!
//! An approximation from above: a value that is said to be possible may not be; one that is said to be impossible is. Where
//! an operation may have no result, nothing is said.

use std::collections::HashMap;

use super::{
    evaluate::{Comparison, Expr, Operation, Quantifier, Search},
    variables::{Variable, words_of},
};
use crate::{
    facts::Kind,
    rules::{conditions::Conditions, pattern::HostPattern, words::Word as _},
};

/// Texts that are remembered one by one; more are any text.
const TEXTS: usize = 64;

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
enum Range {
    Bool {
        can_be_true: bool,
        can_be_false: bool,
    },
    /// Ints, and durations in nanoseconds; both ends are included.
    Number(i64, i64),
    /// `None`: any text.
    Text(Option<Vec<String>>),
    Texts,
}

/// A range, and whether the operation may have no result instead.
#[derive(Clone, Debug)]
struct Value {
    range: Range,
    may_fail: bool,
}

/// What is known of variables.
struct Known<'c> {
    on: Kind,
    conditions: Option<&'c Conditions>,
    narrowed: HashMap<&'static str, Range>,
}

const ANY: Range = Range::Bool { can_be_true: true, can_be_false: true };

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

impl Range {
    fn of_bool(value: bool) -> Self {
        Self::Bool { can_be_true: value, can_be_false: !value }
    }

    fn of_texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        Self::Text((texts.len() <= TEXTS).then_some(texts))
    }

    fn bools(&self) -> (bool, bool) {
        if let Self::Bool { can_be_true, can_be_false } = self {
            (*can_be_true, *can_be_false)
        } else {
            (true, true)
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Bool { can_be_true, can_be_false } => !can_be_true && !can_be_false,
            Self::Number(low, high) => low > high,
            Self::Text(texts) => texts.as_ref().is_some_and(Vec::is_empty),
            Self::Texts => false,
        }
    }

    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(a, b), Self::Number(c, d)) => Self::Number(a.min(c), b.max(d)),
            (Self::Text(Some(mut a)), Self::Text(Some(b))) => {
                a.extend(b);
                Self::of_texts(a)
            }
            (Self::Text(_), Self::Text(_)) => Self::Text(None),
            (one @ Self::Bool { .. }, other) => {
                let ((a, b), (c, d)) = (one.bools(), other.bools());
                Self::Bool { can_be_true: a || c, can_be_false: b || d }
            }
            _ => Self::Texts,
        }
    }

    /// What is in both.
    fn narrowed(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number(a, b), Self::Number(c, d)) => Self::Number(*a.max(c), *b.min(d)),
            (Self::Text(Some(a)), Self::Text(Some(b))) => {
                Self::Text(Some(a.iter().filter(|text| b.contains(text)).cloned().collect()))
            }
            (Self::Text(None), known @ Self::Text(_)) | (known @ Self::Text(_), Self::Text(None)) => {
                known.clone()
            }
            (Self::Bool { .. }, Self::Bool { .. }) => {
                let ((a, b), (c, d)) = (self.bools(), other.bools());
                Self::Bool { can_be_true: a && c, can_be_false: b && d }
            }
            _ => self.clone(),
        }
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
            Expr::Negate(one) => match self.value(one) {
                Value { range: Range::Number(low, high), may_fail } => {
                    let (bounds, overflows) = bounds(&[i128::from(low), i128::from(high)].map(|end| -end));
                    (bounds, may_fail || overflows)
                }
                other => (other.range, true),
            },
            Expr::And(pair) => return self.and(pair),
            Expr::Or(pair) => {
                let [left, right] = pair.each_ref().map(|one| self.value(one));
                let ((a, b), (c, d)) = (left.range.bools(), right.range.bools());
                // What is always true wins over a fault beside it.
                let decided =
                    [&left, &right].iter().any(|one| one.range.bools() == (true, false) && !one.may_fail);
                (
                    Range::Bool { can_be_true: a || c, can_be_false: b && d },
                    (left.may_fail || right.may_fail) && !decided,
                )
            }
            Expr::If(branches) => {
                let [condition, then, otherwise] = branches.each_ref().map(|one| self.value(one));
                let may_fail = condition.may_fail || then.may_fail || otherwise.may_fail;
                match condition.range.bools() {
                    (true, false) => (then.range, may_fail),
                    (false, true) => (otherwise.range, may_fail),
                    _ => (then.range.joined(otherwise.range), may_fail),
                }
            }
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
                let one = self.value(one);
                let others: Vec<Value> = others.iter().map(|other| self.value(other)).collect();
                let may_fail = one.may_fail || others.iter().any(|other| other.may_fail);
                let all =
                    others.iter().map(|other| compared(Comparison::Equal, &one.range, &other.range).bools());
                let mut range = all.fold((false, true), |(a, b), (c, d)| (a || c, b && d));
                // One of several equal texts is found, whichever it is.
                if let (Range::Text(Some(texts)), true) =
                    (&one.range, others.iter().all(|other| is_one_text(&other.range)))
                {
                    let found = |text: &String| {
                        others.iter().any(|other| {
                            compared(Comparison::Equal, &Range::of_texts([text.as_str()]), &other.range)
                                .bools()
                                .0
                        })
                    };
                    range.1 = texts.iter().any(|text| !found(text));
                }
                (Range::Bool { can_be_true: range.0, can_be_false: range.1 }, may_fail)
            }
            Expr::Within(pair) => {
                let _ = pair;
                (ANY, true) // a list may be too long
            }
            Expr::Index(_) => (Range::Text(None), true),
            Expr::Size(one) => {
                let Value { range, may_fail } = self.value(one);
                let sizes = match &range {
                    Range::Text(Some(texts)) if !texts.is_empty() => {
                        let sizes = || {
                            texts.iter().map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
                        };
                        Range::Number(sizes().min().unwrap_or(0), sizes().max().unwrap_or(i64::MAX))
                    }
                    _ => Range::Number(0, i64::MAX),
                };
                (sizes, may_fail)
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

/// What `match` lets through of a variable.
fn asked(conditions: &Conditions, name: &str) -> Option<Range> {
    let Conditions {
        secret,
        destination,
        process,
        environ,
        inspect,
        delegate,
        link,
        lifecycle,
        agent,
        session,
        ..
    } = conditions;
    let texts = |list: Vec<String>| (!list.is_empty()).then(|| Range::of_texts(list));
    let words = |list: Vec<&str>| (!list.is_empty()).then(|| Range::of_texts(list));
    match name {
        "session.agent" => texts(agent.clone()),
        "session.incomplete" => session.as_ref()?.incomplete.map(Range::of_bool),
        "session.age" => {
            let age = session.as_ref()?.age;
            let nanoseconds =
                |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
            Some(Range::Number(
                age.over.map_or(0, |over| nanoseconds(over).saturating_add(1)),
                age.under.map_or(i64::MAX, |under| nanoseconds(under).saturating_sub(1)),
            ))
        }
        "process.owner" => process.as_ref()?.owner.map(Range::of_bool),
        "secret.class" => texts(secret.as_ref()?.class.clone()),
        "secret.entry" => texts(secret.as_ref()?.entry.clone()),
        "secret.grade" => words(secret.as_ref()?.grade.iter().map(|grade| grade.word()).collect()),
        "secret.foreign" => secret.as_ref()?.foreign.map(Range::of_bool),
        "secret.habit" => secret.as_ref()?.habit.map(Range::of_bool),
        "destination.class" => words(destination.as_ref()?.class.iter().map(|class| class.word()).collect()),
        "destination.provider" => texts(destination.as_ref()?.provider.clone()),
        "destination.named" => destination.as_ref()?.named.map(Range::of_bool),
        "destination.port" => {
            let ports = &destination.as_ref()?.port;
            Some(Range::Number(i64::from(*ports.iter().min()?), i64::from(*ports.iter().max()?)))
        }
        "destination.name" => {
            let exact = |host: &HostPattern| match host {
                HostPattern::Exact(name) => Some(name.clone()),
                _ => None,
            };
            texts(destination.as_ref()?.host.iter().map(exact).collect::<Option<_>>()?)
        }
        "environ.own" => environ.as_ref()?.own.map(Range::of_bool),
        "environ.how" => words(environ.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "inspect.own" => inspect.as_ref()?.own.map(Range::of_bool),
        "inspect.how" => words(inspect.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "delegate.service" => texts(delegate.as_ref()?.service.clone()),
        "delegate.how" => words(delegate.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "link.how" => words(link.as_ref()?.how.iter().map(|how| how.word()).collect()),
        "lifecycle.stage" => lifecycle.map(|stage| Range::of_texts([stage.word()])),
        _ => None,
    }
}

/// What a comparison that holds says of its left side.
fn bound(how: Comparison, other: &Value) -> Option<Range> {
    match (how, &other.range) {
        (Comparison::Equal, range) => Some(range.clone()),
        (Comparison::Unequal, Range::Bool { .. }) => match other.range.bools() {
            (true, false) => Some(Range::of_bool(false)),
            (false, true) => Some(Range::of_bool(true)),
            _ => None,
        },
        (Comparison::Less, Range::Number(_, high)) => Some(Range::Number(i64::MIN, high.saturating_sub(1))),
        (Comparison::LessOrEqual, Range::Number(_, high)) => Some(Range::Number(i64::MIN, *high)),
        (Comparison::Greater, Range::Number(low, _)) => Some(Range::Number(low.saturating_add(1), i64::MAX)),
        (Comparison::GreaterOrEqual, Range::Number(low, _)) => Some(Range::Number(*low, i64::MAX)),
        _ => None,
    }
}

fn compared(how: Comparison, left: &Range, right: &Range) -> Range {
    let (less, equal, greater) = match (left, right) {
        (Range::Number(a, b), Range::Number(c, d)) => (a < d, a <= d && c <= b, b > c),
        (Range::Text(Some(a)), Range::Text(Some(b))) => (
            a.iter().any(|one| b.iter().any(|other| one < other)),
            a.iter().any(|one| b.contains(one)),
            a.iter().any(|one| b.iter().any(|other| one > other)),
        ),
        (Range::Bool { .. }, Range::Bool { .. }) => {
            let ((a, b), (c, d)) = (left.bools(), right.bools());
            (b && c, (a && c) || (b && d), a && d)
        }
        _ => return ANY,
    };
    let (can_be_true, can_be_false) = match how {
        Comparison::Equal => (equal, less || greater),
        Comparison::Unequal => (less || greater, equal),
        Comparison::Less => (less, equal || greater),
        Comparison::LessOrEqual => (less || equal, greater),
        Comparison::Greater => (greater, less || equal),
        Comparison::GreaterOrEqual => (greater || equal, less),
    };
    Range::Bool { can_be_true, can_be_false }
}

fn computed(how: Operation, left: &Range, right: &Range) -> (Range, bool) {
    let (Range::Number(a, b), Range::Number(c, d)) = (left, right) else {
        return (Range::Number(i64::MIN, i64::MAX), true);
    };
    let [a, b, c, d] = [*a, *b, *c, *d].map(i128::from);
    match how {
        Operation::Add => bounds(&[a + c, b + d]),
        Operation::Subtract => bounds(&[a - d, b - c]),
        Operation::Multiply => bounds(&[a * c, a * d, b * c, b * d]),
        Operation::Divide | Operation::Remainder => (Range::Number(i64::MIN, i64::MAX), true),
    }
}

/// The range of these ends, and whether it is too large for an int.
fn bounds(ends: &[i128]) -> (Range, bool) {
    let (low, high) = (ends.iter().min().copied().unwrap_or(0), ends.iter().max().copied().unwrap_or(0));
    let within = |end: i128| i64::try_from(end).unwrap_or(if end < 0 { i64::MIN } else { i64::MAX });
    let overflows = i128::from(within(low)) != low || i128::from(within(high)) != high;
    (Range::Number(within(low), within(high)), overflows)
}

fn searched(how: Search, text: &Range, part: &Range) -> Range {
    match part {
        Range::Text(Some(parts)) if parts.iter().all(String::is_empty) && !parts.is_empty() => {
            Range::of_bool(true)
        }
        Range::Text(Some(parts)) if parts.len() == 1 => {
            each_of(text, |text| parts.iter().all(|part| how.holds(text, part)))
        }
        _ => ANY,
    }
}

fn each_of(range: &Range, holds: impl Fn(&str) -> bool) -> Range {
    let Range::Text(Some(texts)) = range else { return ANY };
    Range::Bool {
        can_be_true: texts.iter().any(|text| holds(text)),
        can_be_false: texts.iter().any(|text| !holds(text)),
    }
}

fn is_one_text(range: &Range) -> bool {
    matches!(range, Range::Text(Some(texts)) if texts.len() == 1)
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
