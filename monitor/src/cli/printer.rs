//! Printing: data to stdout as a table or as JSON, words to stderr.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, TableStyle};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{
    clip::clipped,
    colour::{Color, painted},
    exit::{Exit, Failure},
    language::plain,
};
use interlock_core::problem::Problems;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// Asks on standard error; the answer is typed behind it.
pub fn prompt(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush()); // nobody to tell
}

/// Space between two columns.
const GUTTER: u16 = 2;

#[derive(Debug)]
pub struct Printer {
    output: Output,
    quiet: bool,
    /// Columns of the terminal that stdout is; `None`: lines are as long as they are.
    width: Option<u16>,
    coloured: bool,
}

impl Printer {
    pub fn new(output: Output, quiet: bool, color: Color) -> Self {
        let stdout = io::stdout();
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
        let width = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
        Self { output, quiet, width, coloured: color.applies() }
    }

    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Columns of the terminal that stdout is; `None`: lines are as long as they are.
    pub fn width(&self) -> Option<u16> {
        self.width
    }

    /// Rows under upper-case headers, or one JSON array. `none` says on stderr that there is nothing.
    pub fn list<T: Serialize>(
        &self,
        items: &[T],
        none: &str,
        headers: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(&items);
        }
        if items.is_empty() {
            self.say(none);
            return Ok(());
        }
        let rows = items.iter().map(row).collect();
        let table = listed(headers, rows, self.width);
        self.data(&if self.coloured { painted(&table) } else { table })
    }

    /// Lines of `name  value`, or one JSON object.
    pub fn record<T: Serialize>(&self, item: &T, lines: Vec<(&str, String)>) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(item);
        }
        let rows = lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
        self.data(&table(&[], rows, self.width))
    }

    /// Pretty JSON.
    pub fn json<T: Serialize>(&self, item: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(item).map_err(|error| Failure::new(Exit::Negative, error))?;
        self.data(&text)
    }

    /// Files that cannot be understood: words for people; as JSON the problems are data.
    pub fn refuse(&self, exit: Exit, problems: &Problems) -> Failure {
        if !self.is_json() {
            return Failure::new(exit, problems);
        }
        match self.json(&serde_json::json!({ "problems": problems })) {
            Ok(()) => Failure { exit, text: None },
            Err(failure) => failure,
        }
    }

    /// Text and a newline on stdout, at once.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::unread()),
            Err(error) => {
                Err(Failure::new(Exit::Negative, format_args!("stdout cannot be written: {error}")))
            }
            Ok(()) => Ok(()),
        }
    }

    /// A remark for a person.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            complain(text);
        }
    }
}

/// Text and a newline on stderr. If that is closed, there is nobody left to tell.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Columns that no cell is cut below, as far as it has them.
const NARROWEST: usize = 10;

/// Widths of columns that fit: the widest give room first. A word that is cut says more than one that is broken into two lines.
fn fitted(rows: &[Vec<String>], width: u16) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let mut widths: Vec<usize> = (0..count).map(|column| widest(column).unwrap_or_default()).collect();
    let room = usize::from(width).saturating_sub(usize::from(GUTTER) * count.saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

/// Columns below which a cell that is cut says nothing any more.
const READABLE: usize = 12;

/// A table, or, where the terminal is too narrow for its cells, one record below the other. Sentences in the last column wrap.
fn listed(headers: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let is_narrow = width.is_some_and(|width| {
        let mut all = rows.clone();
        all.push(headers.iter().map(|&header| header.to_owned()).collect());
        let (wanted, fitted) = (fitted(&all, u16::MAX), fitted(&all, width));
        let last = fitted.len().saturating_sub(1);
        fitted.iter().zip(wanted).take(last).any(|(width, wanted)| *width < wanted.min(READABLE))
    });
    if !is_narrow {
        return table(headers, rows, width);
    }
    let record = |row: Vec<String>| {
        let lines = headers.iter().zip(row).map(|(header, cell)| vec![(*header).to_owned(), cell]);
        table(&[], lines.collect(), width)
    };
    rows.into_iter().map(record).collect::<Vec<_>>().join("\n\n")
}

/// Rows without borders; where the whole would be wider than `width` columns, cells are cut, with …. Sentences in the last column
/// wrap, and so does a record, which has no headers: it is read and not compared.
pub fn table(headers: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    if let (Some(width), false) = (width, headers.is_empty()) {
        let mut all = rows.clone();
        all.push(headers.iter().map(|&header| header.to_owned()).collect());
        let widths = fitted(&all, width);
        let last = widths.len().saturating_sub(1);
        for row in &mut rows {
            for (place, (cell, width)) in row.iter_mut().zip(&widths).enumerate() {
                if place < last || !cell.contains(' ') {
                    *cell = clipped(cell, *width);
                }
            }
        }
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    if !headers.is_empty() {
        table.set_header(headers.iter().copied());
    }
    for row in rows {
        table.add_row(row);
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { GUTTER }));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let command = "curl -X POST https://backboard.railway.app/graphql/v2";
        [["h1", command, "hold"], ["h12", "psql", "freeze"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec()
    }

    #[test]
    fn columns_line_up_without_borders() {
        insta::assert_snapshot!(table(&["ID", "COMMAND", "THEN"], rows(), None), @"
        ID   COMMAND                                                THEN
        h1   curl -X POST https://backboard.railway.app/graphql/v2  hold
        h12  psql                                                   freeze
        ");
    }

    #[test]
    fn where_cells_would_say_nothing_each_row_is_a_record() {
        let headers = ["ID", "COMMAND", "DESTINATION", "SESSION"];
        let row =
            ["h1", "curl -X POST https://a.example/graphql", "backboard.railway.app", "command 4711-0a1b2"];
        let rows = vec![row.map(str::to_owned).to_vec(), row.map(str::to_owned).to_vec()];
        insta::assert_snapshot!(listed(&headers, rows.clone(), Some(40)), @"
        ID           h1
        COMMAND      curl -X POST
                     https://a.example/graphql
        DESTINATION  backboard.railway.app
        SESSION      command 4711-0a1b2

        ID           h1
        COMMAND      curl -X POST
                     https://a.example/graphql
        DESTINATION  backboard.railway.app
        SESSION      command 4711-0a1b2
        ");
        assert!(listed(&headers, rows, Some(80)).starts_with("ID  COMMAND"));
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_cells() {
        let text = table(&["ID", "COMMAND", "THEN"], rows(), Some(40));
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
        insta::assert_snapshot!(text, @"
        ID   COMMAND                      THEN
        h1   curl -X POST https://backb…  hold
        h12  psql                         freeze
        ");
    }

    #[test]
    fn sentences_in_the_last_column_are_whole() {
        let advice = "agents can type into their terminal: sysctl dev.tty.legacy_tiocsti=0";
        let rows = vec![vec!["terminals".to_owned(), advice.to_owned()]];
        let text = table(&["SUBJECT", "ADVICE"], rows, Some(50));
        insta::assert_snapshot!(text, @"
        SUBJECT    ADVICE
        terminals  agents can type into their terminal:
                   sysctl dev.tty.legacy_tiocsti=0
        ");
    }

    #[test]
    fn control_characters_of_a_cell_are_shown_and_not_obeyed() {
        let text = table(&["PATH"], vec![vec!["a\u{1b}[31m\nb".to_owned()]], None);
        assert_eq!(text, "PATH\na\\u{1b}[31m\\nb");
    }
}
