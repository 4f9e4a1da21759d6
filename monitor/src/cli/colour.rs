//! Colours of words in tables. They say nothing that the word does not.

use std::{env, io::IsTerminal as _};

use clap::ValueEnum;
use unicode_width::UnicodeWidthStr as _;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// Columns whose cells begin with a word that has a colour.
const COLUMNS: [&str; 3] = ["STATE", "STATUS", "SEVERITY"];
const WORDS: [(&str, &str); 12] = [
    ("good", GREEN),
    ("running", GREEN),
    ("approved", GREEN),
    ("limited", YELLOW),
    ("holding", YELLOW),
    ("waiting", YELLOW),
    ("probation", YELLOW),
    ("medium", YELLOW),
    ("missing", RED),
    ("frozen", RED),
    ("high", RED),
    ("critical", RED),
];

impl Color {
    /// Whether stdout gets colours (no-color.org: any value but an empty one of NO_COLOR asks for none).
    pub fn applies(self) -> bool {
        let unwanted = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = || env::var_os("TERM").is_some_and(|value| value == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => std::io::stdout().is_terminal() && !unwanted() && !dumb(),
        }
    }
}

/// A table, laid out, with its words in colour. Its first line has the headers.
pub fn painted(table: &str) -> String {
    let Some(headers) = table.lines().next() else { return String::new() };
    let starts = headers.match_indices(|_: char| true).map(|(at, _)| at).filter(|at| {
        let name = headers.get(*at..).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        COLUMNS.contains(&name)
            && headers.get(..*at).is_none_or(|before| before.is_empty() || before.ends_with(' '))
    });
    let columns: Vec<usize> =
        starts.filter_map(|at| headers.get(..at)).map(|before| before.width()).collect();
    let lines = table.lines().enumerate().map(|(number, line)| match number {
        0 => line.to_owned(),
        _ => columns.iter().rev().fold(line.to_owned(), |line, column| paint(&line, *column)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Colours the word that begins at the screen's `column`.
fn paint(line: &str, column: usize) -> String {
    let at = line
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| line.get(..*at).is_some_and(|before| before.width() == column));
    let Some((before, rest)) = at.and_then(|at| line.split_at_checked(at)) else { return line.to_owned() };
    let word = rest.split([' ', ',']).next().unwrap_or_default();
    match WORDS.iter().find(|(known, _)| *known == word) {
        Some((word, colour)) => {
            format!("{before}\u{1b}[{colour}m{word}\u{1b}[0m{}", rest.get(word.len()..).unwrap_or_default())
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_of_known_columns_have_a_colour() {
        let table = "SESSION  STATUS   AGENT\n大-1     frozen   good\nb        other    x\nc        holding, incomplete  y";
        assert_eq!(
            painted(table),
            "SESSION  STATUS   AGENT\n大-1     \u{1b}[31mfrozen\u{1b}[0m   good\nb        other    x\n\
             c        \u{1b}[33mholding\u{1b}[0m, incomplete  y"
        );
        assert_eq!(painted(""), "");
    }
}
