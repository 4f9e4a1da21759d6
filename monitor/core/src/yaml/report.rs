//! Collects what is wrong with one file, each problem with the characters that it is about.

use std::{ops::Range, sync::Arc};

use serde_saphyr::Location;

use super::{
    citation::{Citation, Noun},
    lists::Lists,
};
use crate::problem::{Problem, Problems, Source};

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Report<'a> {
    source: Source<'a>,
    problems: Problems,
    /// Those that `$name` may stand for; `None` where a dollar is a letter like others.
    pub lists: Option<Arc<Lists>>,
    /// Values that came from lists so far.
    pub expanded: usize,
    pub citations: Vec<Citation>,
}

impl<'a> Report<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let (problems, citations) = (Problems::default(), Vec::new());
        Self { source: Source::new(file, text), problems, lists: None, expanded: 0, citations }
    }

    /// The file's name, as problems say it.
    pub fn file(&self) -> &'a str {
        self.source.file
    }

    /// Notes a problem at `at`; the caller may add what was expected.
    pub fn add(
        &mut self,
        at: Location,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Problem {
        let problem = self.problem(at, field, message);
        self.push(problem)
    }

    /// A problem at `at` that is not noted: for what only somebody else can judge.
    pub fn problem(&self, at: Location, field: impl Into<String>, message: impl Into<String>) -> Problem {
        self.source.problem((at.line(), at.column()), at.span().len() as usize, field, message)
    }

    pub fn push(&mut self, problem: Problem) -> &mut Problem {
        self.problems.push(problem)
    }

    /// The file's lines.
    pub fn lines(&self) -> &[&'a str] {
        self.source.lines()
    }

    /// Puts a problem to where it stands in a text that was read at `at`, and notes it: `range` is in bytes of the text as
    /// YAML gave it. Where the text is written with escapes or folded, the problem stands at its beginning.
    pub fn push_inside(
        &mut self,
        at: Location,
        field: &str,
        text: &str,
        range: Range<usize>,
        inner: Problem,
    ) {
        let Problem { message, expected, hint, .. } = inner;
        let mut problem = Problem { expected, hint, ..self.problem(at, field, message) };
        let found = text.get(range.clone()).unwrap_or_default();
        let place = self.find(at, text, range.start).or_else(|| self.find_folded(at, text, range));
        if let Some((line, column, source)) = place {
            let width = found.lines().next().unwrap_or_default().chars().count();
            problem = Problem { line, column, source: Some(source.to_owned()), width, ..problem };
        }
        self.push(problem);
    }

    /// Line, column and source of a byte of a text that was read at `at`.
    fn find(&self, at: Location, text: &str, offset: usize) -> Option<(u64, u64, &'a str)> {
        let before = text.get(..offset)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let row = before.matches('\n').count() as u64;
        let wanted = text.get(start..)?.lines().next()?;
        // A block starts on the line below its indicator, a plain or quoted text where it says.
        let first = self.source.line(at.line())?;
        let head = first.char_indices().nth(usize::try_from(at.column().checked_sub(1)?).ok()?)?.0;
        let block = first[head..].starts_with(['|', '>']);
        let line = at.line() + row + u64::from(block);
        let source = self.source.line(line)?;
        let from = if block || row > 0 { 0 } else { head };
        let place = from + source.get(from..)?.find(wanted)? + (offset - start);
        Some((line, source.get(..place)?.chars().count() as u64 + 1, source))
    }

    /// The same for a text whose lines are folded: the word itself is looked for, as often as it stood before.
    fn find_folded(&self, at: Location, text: &str, range: Range<usize>) -> Option<(u64, u64, &'a str)> {
        let word = text.get(range.clone()).filter(|word| !word.is_empty())?;
        let before = text.get(..range.start)?.matches(word).count();
        let head = usize::try_from(at.column().checked_sub(1)?).ok()?;
        let length = text.lines().count().max(1) as u64 + text.matches(' ').count() as u64;
        let lines = (at.line()..=at.line() + length).map_while(|line| Some((line, self.source.line(line)?)));
        let places = lines.flat_map(|(line, source)| {
            let found = source.match_indices(word).map(move |(place, _)| {
                (line, source.get(..place).map_or(0, |before| before.chars().count()), source)
            });
            found.filter(move |(line, column, _)| *line > at.line() || *column >= head)
        });
        let (line, column, source) = places.into_iter().nth(before)?;
        Some((line, column as u64 + 1, source))
    }

    /// Notes a name that someone else must know.
    pub fn cite(&mut self, at: Location, field: &str, noun: Noun, name: &str) {
        let place = self.problem(at, field, String::new());
        self.citations.push(Citation { noun, name: name.to_owned(), place });
    }

    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// The problems in the order of their lines.
    pub fn finish(&mut self) -> Problems {
        self.problems.sort();
        std::mem::take(&mut self.problems)
    }
}
