//! Evaluates a checked guard. Nothing is allocated and nothing can fail but the operations that [`Fault`] names.

use regex::Regex;

use super::{
    scope::{Fault, MAX_ITEMS, Scope, Value},
    variables::Variable,
};

/// An expression whose types are checked.
#[derive(Debug)]
pub enum Expr {
    Bool(bool),
    Int(i64),
    Duration(i64),
    Text(String),
    Variable(&'static Variable),
    /// The item of the macro around it.
    Item,
    Not(Box<Self>),
    Negate(Box<Self>),
    And(Box<[Self; 2]>),
    Or(Box<[Self; 2]>),
    If(Box<[Self; 3]>),
    Compare(Comparison, Box<[Self; 2]>),
    Compute(Operation, Box<[Self; 2]>),
    /// The first is one of the others.
    Among(Box<Self>, Vec<Self>),
    /// The first is in the list that the second is.
    Within(Box<[Self; 2]>),
    Index(Box<[Self; 2]>),
    Size(Box<Self>),
    Search(Search, Box<[Self; 2]>),
    Matches(Box<Self>, Regex),
    Each(Quantifier, Box<[Self; 2]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

impl Expr {
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Fault> {
        match self.value(scope)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Fault::Missing),
        }
    }

    fn value<'a>(&'a self, scope: &Scope<'a>) -> Result<Value<'a>, Fault> {
        Ok(match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Duration(value) => Value::Duration(*value),
            Self::Text(value) => Value::Text(value),
            Self::Variable(variable) => (variable.read)(scope).ok_or(Fault::Missing)?,
            Self::Item => Value::Text(scope.item.ok_or(Fault::Missing)?),
            Self::Not(one) => Value::Bool(!one.holds(scope)?),
            Self::Negate(one) => negate(one.value(scope)?)?,
            Self::And(pair) => Value::Bool(decide(false, pair.iter().map(|one| one.holds(scope)))?),
            Self::Or(pair) => Value::Bool(decide(true, pair.iter().map(|one| one.holds(scope)))?),
            Self::If(branches) => {
                let [condition, then, otherwise] = &**branches;
                if condition.holds(scope)? { then.value(scope)? } else { otherwise.value(scope)? }
            }
            Self::Compare(how, pair) => {
                let [left, right] = &**pair;
                Value::Bool(how.holds(left.value(scope)?, right.value(scope)?))
            }
            Self::Compute(how, pair) => {
                let [left, right] = &**pair;
                how.of(left.value(scope)?, right.value(scope)?)?
            }
            Self::Among(one, others) => {
                let one = one.value(scope)?;
                // A list is made whole before it is looked through, so that a fault in any of it is the list's.
                let among = |found, other: &'a Self| Ok(found | (other.value(scope)? == one));
                Value::Bool(others.iter().try_fold(false, among)?)
            }
            Self::Within(pair) => {
                let [one, list] = &**pair;
                let (one, list) = (one.text(scope)?, list.list(scope)?);
                Value::Bool(list.iter().any(|item| item == one))
            }
            Self::Index(pair) => {
                let [list, index] = &**pair;
                let index = usize::try_from(index.int(scope)?).map_err(|_| Fault::Index)?;
                Value::Text(list.list(scope)?.get(index).ok_or(Fault::Index)?)
            }
            Self::Size(one) => Value::Int(one.size(scope)?),
            Self::Search(how, pair) => {
                let [text, part] = &**pair;
                Value::Bool(how.holds(text.text(scope)?, part.text(scope)?))
            }
            Self::Matches(one, regex) => Value::Bool(regex.is_match(one.text(scope)?)),
            Self::Each(how, pair) => {
                let [list, condition] = &**pair;
                Value::Bool(how.holds(list.list(scope)?, |item| {
                    condition.holds(&Scope { item: Some(item), ..*scope })
                })?)
            }
        })
    }

    fn text<'a>(&'a self, scope: &Scope<'a>) -> Result<&'a str, Fault> {
        match self.value(scope)? {
            Value::Text(text) => Ok(text),
            _ => Err(Fault::Missing),
        }
    }

    fn int(&self, scope: &Scope<'_>) -> Result<i64, Fault> {
        match self.value(scope)? {
            Value::Int(int) => Ok(int),
            _ => Err(Fault::Missing),
        }
    }

    /// A list that is short enough to be looked through.
    fn list<'a>(&'a self, scope: &Scope<'a>) -> Result<&'a [String], Fault> {
        match self.value(scope)? {
            Value::Texts(list) if list.len() > MAX_ITEMS => Err(Fault::Length),
            Value::Texts(list) => Ok(list),
            _ => Err(Fault::Missing),
        }
    }

    fn size(&self, scope: &Scope<'_>) -> Result<i64, Fault> {
        let size = match self.value(scope)? {
            Value::Text(text) => text.chars().count(),
            Value::Texts(list) => list.len(),
            _ => return Err(Fault::Missing),
        };
        i64::try_from(size).map_err(|_| Fault::Overflow)
    }
}

/// The value that decides wins over faults beside it, in any order: that is CEL's `&&`, `||`, `exists` and `all`.
fn decide(by: bool, values: impl Iterator<Item = Result<bool, Fault>>) -> Result<bool, Fault> {
    let mut fault = None;
    for value in values {
        match value {
            Ok(value) if value == by => return Ok(by),
            Ok(_) => {}
            Err(found) => fault = fault.or(Some(found)),
        }
    }
    fault.map_or(Ok(!by), Err)
}

fn negate(value: Value<'_>) -> Result<Value<'_>, Fault> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(Fault::Overflow),
        Value::Duration(duration) => duration.checked_neg().map(Value::Duration).ok_or(Fault::Overflow),
        _ => Err(Fault::Missing),
    }
}

impl Comparison {
    /// The same with its sides exchanged.
    pub(super) fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    fn holds(self, left: Value<'_>, right: Value<'_>) -> bool {
        let order = match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => left.cmp(&right),
            (Value::Int(left), Value::Int(right)) | (Value::Duration(left), Value::Duration(right)) => {
                left.cmp(&right)
            }
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            _ => return self == Self::Unequal,
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Operation {
    fn of<'a>(self, left: Value<'a>, right: Value<'a>) -> Result<Value<'a>, Fault> {
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => self.ints(left, right).map(Value::Int),
            (Value::Duration(left), Value::Duration(right)) => self.ints(left, right).map(Value::Duration),
            _ => Err(Fault::Missing),
        }
    }

    fn ints(self, left: i64, right: i64) -> Result<i64, Fault> {
        if right == 0 && matches!(self, Self::Divide | Self::Remainder) {
            return Err(Fault::Division);
        }
        let result = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        };
        result.ok_or(Fault::Overflow)
    }
}

impl Search {
    pub(super) fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::Contains => text.contains(part),
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
        }
    }
}

impl Quantifier {
    fn holds<'a>(
        self,
        list: &'a [String],
        condition: impl Fn(&'a str) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let mut values = list.iter().map(|item| condition(item));
        match self {
            Self::Exists => decide(true, values),
            Self::All => decide(false, values),
            Self::ExistsOne => {
                values.try_fold(0_usize, |sum, value| Ok(sum + usize::from(value?))).map(|sum| sum == 1)
            }
        }
    }
}
