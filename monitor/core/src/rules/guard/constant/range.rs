//! What values can be, and what comes of computing with them.

use crate::rules::guard::evaluate::{Comparison, Operation, Search};

/// Texts that are remembered one by one; more are any text.
const TEXTS: usize = 64;

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
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
pub struct Value {
    pub range: Range,
    pub may_fail: bool,
}

/// A condition that can be either.
pub const ANY: Range = Range::Bool { can_be_true: true, can_be_false: true };

impl Range {
    pub fn of_bool(value: bool) -> Self {
        Self::Bool { can_be_true: value, can_be_false: !value }
    }

    pub fn of_texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        Self::Text((texts.len() <= TEXTS).then_some(texts))
    }

    pub fn bools(&self) -> (bool, bool) {
        if let Self::Bool { can_be_true, can_be_false } = self {
            (*can_be_true, *can_be_false)
        } else {
            (true, true)
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bool { can_be_true, can_be_false } => !can_be_true && !can_be_false,
            Self::Number(low, high) => low > high,
            Self::Text(texts) => texts.as_ref().is_some_and(Vec::is_empty),
            Self::Texts => false,
        }
    }

    pub fn joined(self, other: Self) -> Self {
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
    pub fn narrowed(&self, other: &Self) -> Self {
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

/// What a comparison that holds says of its left side.
pub fn bound(how: Comparison, other: &Value) -> Option<Range> {
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

pub fn compared(how: Comparison, left: &Range, right: &Range) -> Range {
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

pub fn computed(how: Operation, left: &Range, right: &Range) -> (Range, bool) {
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
pub fn bounds(ends: &[i128]) -> (Range, bool) {
    let (low, high) = (ends.iter().min().copied().unwrap_or(0), ends.iter().max().copied().unwrap_or(0));
    let within = |end: i128| i64::try_from(end).unwrap_or(if end < 0 { i64::MIN } else { i64::MAX });
    let overflows = i128::from(within(low)) != low || i128::from(within(high)) != high;
    (Range::Number(within(low), within(high)), overflows)
}

pub fn searched(how: Search, text: &Range, part: &Range) -> Range {
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

pub fn each_of(range: &Range, holds: impl Fn(&str) -> bool) -> Range {
    let Range::Text(Some(texts)) = range else { return ANY };
    Range::Bool {
        can_be_true: texts.iter().any(|text| holds(text)),
        can_be_false: texts.iter().any(|text| !holds(text)),
    }
}

pub fn is_one_text(range: &Range) -> bool {
    matches!(range, Range::Text(Some(texts)) if texts.len() == 1)
}
