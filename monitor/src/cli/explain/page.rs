//! Text in sections, wrapped.

use std::fmt::{self, Display, Formatter};

use crate::cli::{
    language::plain,
    wrap::{LongWords, wrapped},
};

/// Widest line, columns. A word that is longer has a line of its own.
pub const WIDTH: usize = 100;

#[derive(Debug)]
pub struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// Whose lines are at most `width` columns wide.
    #[must_use]
    pub fn of(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// A section, if there is something to say in it.
    pub fn section(&mut self, title: &str, body: impl FnOnce(&mut Self)) {
        let mut inner = Self::of(self.width);
        body(&mut inner);
        if inner.text.is_empty() {
            return;
        }
        self.blank();
        self.line(0, title);
        self.text.push_str(&inner.text);
    }

    /// An empty line between what was said and what comes.
    pub fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A line; what does not fit goes on below, two columns deeper.
    pub fn line(&mut self, indent: usize, text: &str) {
        self.hanging(&" ".repeat(indent), indent + 2, text);
    }

    /// `label` and a text beside it, which goes on below its own beginning.
    pub fn beside(&mut self, label: &str, text: &str) {
        self.hanging(label, label.chars().count(), text);
    }

    /// A line of something written, as it is.
    pub fn verbatim(&mut self, indent: usize, text: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&plain(text));
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    fn hanging(&mut self, label: &str, indent: usize, text: &str) {
        for line in wrapped(&format!("{label}{}", plain(text)), self.width, indent, LongWords::Keep) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

impl Display for Page {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_below_their_beginning() {
        let mut page = Page::of(WIDTH);
        page.line(2, &"word ".repeat(30));
        page.beside("  label  ", &"word ".repeat(30));
        let text = page.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let starts: Vec<_> = text.lines().map(|line| line.len() - line.trim_start().len()).collect();
        assert_eq!(starts, [2, 4, 2, 9]);
    }

    #[test]
    fn an_empty_section_is_left_out_and_text_cannot_leave_its_line() {
        let mut page = Page::of(WIDTH);
        page.section("nothing", |_| {});
        page.section("something", |page| page.line(2, "a\nb\u{1b}[2J"));
        assert_eq!(page.to_string(), "something\n  a\\nb\\u{1b}[2J");
    }
}
