//! Collects what is wrong with one file, each problem with the characters that it is about.

use std::{ops::Range, sync::Arc};

use serde_saphyr::Location;

use super::{
    lists::Lists,
    problem::Problem,
    vocabulary::{Citation, Noun},
};

/// Collects the problems of one file.
#[derive(Debug)]
pub struct Report<'a> {
    pub file: &'a str,
    /// Of the file, so that a place is found without reading the file again.
    lines: Vec<&'a str>,
    problems: Vec<Problem>,
    pub lists: Arc<Lists>,
    /// Values that came from lists so far.
    pub expanded: usize,
    pub citations: Vec<Citation>,
}

impl<'a> Report<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let (problems, citations) = (Vec::new(), Vec::new());
        let lines = text.lines().collect();
        Self { file, lines, problems, lists: Arc::default(), expanded: 0, citations }
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
        Problem {
            line: at.line(),
            column: at.column(),
            field: field.into(),
            source: self.line(at.line()).map(str::to_owned),
            width: at.span().len() as usize,
            ..Problem::of_file(self.file, message)
        }
    }

    pub fn push(&mut self, problem: Problem) -> &mut Problem {
        let last = self.problems.len();
        self.problems.push(problem);
        &mut self.problems[last]
    }

    /// The file's lines.
    pub fn lines(&self) -> &[&'a str] {
        &self.lines
    }

    /// The line of that number, from 1.
    fn line(&self, number: u64) -> Option<&'a str> {
        self.lines.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }

    /// Notes a problem inside of a text that was read at `at`: `range` is in bytes of the text as YAML gave it. Where the
    /// text is written with escapes or folded, the problem stands at its beginning.
    pub fn add_inside(
        &mut self,
        at: Location,
        field: &str,
        text: &str,
        range: Range<usize>,
        message: &str,
    ) -> &mut Problem {
        let mut problem = self.problem(at, field, message);
        let found = text.get(range.clone()).unwrap_or_default();
        let place = self.find(at, text, range.start).or_else(|| self.find_folded(at, text, range));
        if let Some((line, column, source)) = place {
            let width = found.lines().next().unwrap_or_default().chars().count();
            problem = Problem { line, column, source: Some(source.to_owned()), width, ..problem };
        }
        self.push(problem)
    }

    /// Line, column and source of a byte of a text that was read at `at`.
    fn find(&self, at: Location, text: &str, offset: usize) -> Option<(u64, u64, &'a str)> {
        let before = text.get(..offset)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let row = before.matches('\n').count() as u64;
        let wanted = text.get(start..)?.lines().next()?;
        // A block starts on the line below its indicator, a plain or quoted text where it says.
        let first = self.line(at.line())?;
        let head = first.char_indices().nth(usize::try_from(at.column().checked_sub(1)?).ok()?)?.0;
        let block = first[head..].starts_with(['|', '>']);
        let line = at.line() + row + u64::from(block);
        let source = self.line(line)?;
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
        let lines = (at.line()..=at.line() + length).map_while(|line| Some((line, self.line(line)?)));
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
    pub fn finish(&mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        std::mem::take(&mut self.problems)
    }
}
