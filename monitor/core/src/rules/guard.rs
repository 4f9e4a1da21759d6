//! `when:`: a condition in the Common Expression Language, for what `match:` cannot say.
//!
//! The `cel` crate parses. Types are checked here, when rules are loaded, and what is left is evaluated without
//! allocating: see `docs/decisions/0016-cel-guards.md`. What a guard can cost is bounded by its length, its number of
//! nodes, one level of macros and [`scope::MAX_ITEMS`].

mod check;
mod constant;
mod duration;
mod evaluate;
mod functions;
mod scope;
#[cfg(test)]
mod tests;
mod variables;

use std::{ops::Range, sync::Arc, thread};

use serde::{Serialize, Serializer};

pub use self::scope::{Fault, Scope, Words};
use self::{evaluate::Expr, variables::Variable};
use super::conditions::Conditions;
use crate::{facts::Kind, problem::Problem};

/// Longest guard, bytes.
const MAX_LENGTH: usize = 1024;

/// Deepest nesting of brackets, calls and operators.
const MAX_DEPTH: u16 = 24;

/// Stack for parsing, bytes: enough for a tree as deep as the longest guard.
const STACK: usize = 32 << 20;

/// A checked guard.
#[derive(Clone, Debug)]
pub struct Guard {
    text: Arc<str>,
    expr: Arc<Expr>,
    /// Those that the guard asks for, in the order of their names.
    variables: Arc<[&'static Variable]>,
    /// Comparisons that have the same value for every fact, each with its place in the text.
    constants: Arc<[(Range<usize>, bool)]>,
}

impl Guard {
    /// Parses and checks a guard of a rule about `on`.
    ///
    /// # Errors
    /// Every mistake that does not follow from another one, in the order of the text, with the bytes of it that it is about.
    pub fn compile(text: &str, on: Kind) -> Result<Self, Vec<(Range<usize>, Problem)>> {
        if text.len() > MAX_LENGTH {
            let message = format!("the guard has {} bytes; at most {MAX_LENGTH} are read", text.len());
            let mut problem = Problem::new(message);
            problem.hint("say more of it with match");
            return Err(vec![(0..text.len(), problem)]);
        }
        // The parser's depth limit does not see a long chain such as 1+1+1+…, whose tree is as deep as it is long.
        let checked = thread::scope(|scope| {
            let parse = || Self::parse(text, on);
            let parser = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
            parser
                .map_err(|error| format!("no thread to parse it: {error}"))
                .and_then(|parser| parser.join().map_err(|_| "the parser gave up".to_owned()))
        });
        checked
            .map_err(|why| vec![(0..text.len(), Problem::new(format!("the guard cannot be read: {why}")))])?
    }

    fn parse(text: &str, on: Kind) -> Result<Self, Vec<(Range<usize>, Problem)>> {
        // Without macros, so that the tree is as it was written; without optionals, which no variable is.
        let parser = cel::Env::default().with_optional_support(false).parser().max_recursion_depth(MAX_DEPTH);
        let (tree, places) = parser.parse_with_source_info(text).map_err(|errors| syntax(text, &errors))?;
        let check::Checked { expr, variables, constants } = check::check(&tree, &places, on)?;
        Ok(Self {
            text: text.into(),
            expr: Arc::new(expr),
            variables: variables.into(),
            constants: constants.into(),
        })
    }

    /// Comparisons that have the same value for every fact: whoever wrote them meant something else.
    #[must_use]
    pub fn constants(&self) -> Vec<(Range<usize>, Problem)> {
        let problem = |(place, value): &(Range<usize>, bool)| {
            let mut problem = Problem::new(format!("this is always {value}: nothing in it varies"));
            problem.hint("remove it, or compare something else");
            (place.clone(), problem)
        };
        self.constants.iter().map(problem).collect()
    }

    /// The value that the guard has for every fact about `on` that meets the conditions; `None` where it varies, or may
    /// fail.
    #[must_use]
    pub fn constant(&self, on: Kind, conditions: Option<&Conditions>) -> Option<bool> {
        constant::constant(&self.expr, on, conditions)
    }

    /// Whether the guard holds.
    ///
    /// # Errors
    /// An operation without a result: an index that is not there, a number too large. The caller decides what that
    /// means.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Fault> {
        self.expr.holds(scope)
    }

    /// The guard with the values that made it hold.
    #[must_use]
    pub fn explain(&self, scope: &Scope<'_>) -> Vec<String> {
        let mut said = vec![format!("when {}", self.text)];
        said.extend(self.values(scope));
        said
    }

    /// The variables that it asks for, with their values: `session.risk = 5`.
    #[must_use]
    pub fn values(&self, scope: &Scope<'_>) -> Vec<String> {
        let value = |variable: &&'static Variable| {
            (variable.read)(scope).map(|value| format!("{} = {}", variable.name, value))
        };
        self.variables.iter().filter_map(value).collect()
    }

    /// The guard as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Serialize for Guard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// The first syntax error of each place; what follows from a recovery is noise.
fn syntax(text: &str, errors: &cel::ParseErrors) -> Vec<(Range<usize>, Problem)> {
    let mistake = |error: &cel::ParseError| {
        let start = offset(text, error.pos);
        let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
        let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
        (start..end, Problem::new(format!("this is not CEL: {}", brief(message))))
    };
    let mut mistakes: Vec<_> = errors.errors.iter().map(mistake).collect();
    mistakes.dedup_by_key(|(place, _)| place.start);
    mistakes.truncate(3);
    mistakes
}

/// Without the list of every token that would have been possible.
fn brief(message: &str) -> &str {
    message.split(" expecting {").next().unwrap_or(message)
}

/// Byte offset of a line and a column in characters, both from 1.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let (line, column) = (line.max(1) as usize - 1, column.max(1) as usize - 1);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(before..).unwrap_or_default();
    before + rest.char_indices().nth(column).map_or(rest.trim_end_matches('\n').len(), |(at, _)| at)
}
